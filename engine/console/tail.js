// A live tail of one topic: a subscription that goes on where it was, whatever happens to the
// connection. It says what it could not get.
//
// It names the topic by its id as well, so that it is never the one that makes a topic, and never
// takes another of the same name for the one it was reading.

import { count } from "./format.js";

// Records that the server may send ahead of what has been drawn.
const kCredit = 20_000;
const kRefillAt = kCredit / 4;
const kUnknownTopic = 102;
const kOffsetOutOfRange = 112;
const kEpochChanged = 113;

export class Tail {
  topic = null;  // its name
  state = "none";  // "none", "opening", "live", "lost", "gone": there is no such topic, "refused"
  reason = "";
  paused = false;
  onstate = () => {};  // state or paused has changed
  onrows = () => {};  // the store, or positions
  #duolog;
  #store;
  #subscription = null;
  #from = "latest";
  #place = null;  // the subscription's, and where the next one goes on
  #progress = {};
  #used = 0;  // of the credit

  constructor(duolog, store) {
    this.#duolog = duolog;
    this.#store = store;
  }

  // partition -> {next, end}, offsets as text
  get positions() {
    return new Map(Object.entries(this.#progress).map(([partition, at]) => [+partition, at]));
  }

  // topic: {name, id}. from: as in the protocol.
  open(topic, from) {
    this.#store.clear();
    this.topic = topic.name;
    this.paused = false;
    this.#read(topic.id, from);
  }

  pause() {
    this.paused = true;
    this.#subscription?.pause();
    this.onstate();
  }
  resume() {
    this.paused = false;
    if (this.#subscription) this.#subscription.resume();
    else if (this.topic !== null && this.state !== "gone") this.#subscribe();
    this.onstate();
  }

  // The server has a topic of this name, with this id.
  seen(id) {
    if (this.state !== "gone") return;
    if (id === this.#place.topic_id) return this.#subscribe();
    this.#store.add({ note: "Another topic of the same name, from its beginning" });
    this.#read(id, "earliest");
  }

  // What was refused is asked for again.
  connected() {
    if (this.state === "refused" && this.#subscription === null && !this.paused) this.#subscribe();
  }

  // What was received has been drawn: more may come.
  refill() {
    if (this.#used < kRefillAt || this.state !== "live" || this.paused) return;
    this.#subscription.more({ records: this.#used });
    this.#used = 0;
  }

  // ---- Subscribing -----------------------------------------------------------------------------

  #read(id, from) {
    this.#from = from;
    this.#place = { topic_id: id, positions: {} };
    this.#progress = {};
    this.#subscribe();
  }

  #subscribe() {
    this.#subscription?.close();
    this.#subscription = null;
    this.#become("opening", "");
    if (this.paused) return;
    this.#subscription = this.#duolog.subscribe(this.topic, {
      from: this.#from, place: this.#place, credit: { records: kCredit },
      onRecord: (record) => this.#record(record),
      onGap: (gap) => this.#gap(gap),
      onProgress: () => this.onrows(),
      onState: (state, reason) => this.#turned(state, reason),
      onError: (error) => this.#ended(error),
    });
    this.#place = this.#subscription.place;
    this.#progress = this.#subscription.progress;
  }

  #turned(state, reason) {
    if (state === "opening") this.#used = 0;
    if (state !== "waiting") return this.#become(state, "");
    if (this.#duolog.state === "open") this.#become("refused", reason);
    else this.#become("lost", this.#duolog.reason);
  }

  #ended(error) {
    this.#subscription = null;
    if ([kOffsetOutOfRange, kEpochChanged].includes(error.code)) {
      // What was read is no part of the log that is there now.
      const id = error.topic_id ?? this.#place.topic_id;
      const another = id !== this.#place.topic_id;
      this.#store.add({ note: another ? "Another topic of the same name, from its beginning"
        : `The log is not the one that was read before (${error.message}); on from its end` });
      return this.#read(id, another ? "earliest" : "latest");
    }
    if (this.state === "live") {
      this.#store.add({ note: `The server ended the subscription: ${error.message}` });
    }
    this.#become(error.code === kUnknownTopic ? "gone" : "refused", error.message);
  }

  // ---- What comes ------------------------------------------------------------------------------

  #record({ partition, offset, timestamp, key, value, headers }) {
    const size = (key?.length ?? 0) + (value?.length ?? 0) + 64;
    this.#store.add({ p: partition, o: offset, t: timestamp, key, value, headers, size });
    ++this.#used;
  }

  #gap({ partition, from, to, reason }) {
    const missing = Number(to) - Number(from);
    this.#store.add({ note: `Partition ${partition}: ${count(missing)} offsets are missing, ` +
      `${count(Number(from))} to ${count(Number(to) - 1)} (${reason})` });
  }

  #become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.onstate();
  }
}
