// A live tail of one topic: a subscription that goes on where it was, whatever happens to the
// connection. It says what it could not get.
//
// It names the topic by its id as well, so that it is never the one that makes a topic, and never
// takes another of the same name for the one it was reading.

import { count } from "./format.js";

// Records that the server may send ahead of what has been drawn.
const kCredit = 20_000;
const kRefillAt = kCredit / 4;
const kRetryMs = 2_000;
const kUnknownTopic = 102;
const kOffsetOutOfRange = 112;
const kEpochChanged = 113;

export class Tail {
  topic = null;  // its name
  state = "none";  // "none", "opening", "live", "lost", "gone": there is no such topic, "refused"
  reason = "";
  paused = false;
  positions = new Map();  // partition -> {next, end}, offsets as text
  onstate = () => {};  // state or paused has changed
  onrows = () => {};  // the store, or positions
  #push;
  #store;
  #sid = 0;
  #from = "latest";
  #topicId = "";
  #epoch = null;
  #used = 0;  // of the credit
  #retry = 0;

  constructor(push, store) {
    this.#push = push;
    this.#store = store;
    push.attach(this);
  }

  // topic: {name, id}. from: as in the protocol.
  open(topic, from) {
    this.#leave();
    this.#store.clear();
    this.topic = topic.name;
    this.paused = false;
    this.#read(topic.id, from);
  }

  pause() {
    this.paused = true;
    if (this.state === "live") this.#tell("pause");
    this.onstate();
  }
  resume() {
    this.paused = false;
    if (this.state === "live") this.#tell("resume");
    else this.#start();
    this.onstate();
  }

  // The server has a topic of this name, with this id.
  seen(id) {
    if (this.state !== "gone") return;
    if (id !== this.#topicId) {
      this.#store.add({ note: "Another topic of the same name, from its beginning" });
      return this.#read(id, "earliest");
    }
    this.#become("opening", "");
    this.#start();
  }

  // What was received has been drawn: more may come.
  refill() {
    if (this.#used < kRefillAt || this.state !== "live" || this.paused) return;
    this.#tell("credit", { records: this.#used });
    this.#used = 0;
  }

  // ---- The connection's ------------------------------------------------------------------------

  connected() {
    this.#start();
  }
  disconnected() {
    this.#sid = 0;
    if (this.topic !== null && this.state !== "gone") this.#become("lost", this.#push.reason);
  }

  take(kind, content) {
    if (kind === "records") return this.#records(content);
    if (kind === "gap") return this.#gap(content);
    if (kind === "hb") return this.#heartbeat(content);
    if (kind === "unsub") {
      this.#push.forget(this.#sid);
      this.#sid = 0;
      this.#store.add({ note: `The server ended the subscription: ${content.reason}` });
      this.#become(content.code === kUnknownTopic ? "gone" : "refused", content.reason);
    }
  }

  // ---- Subscribing -----------------------------------------------------------------------------

  #read(id, from) {
    this.#topicId = id;
    this.#from = from;
    this.positions.clear();
    this.#epoch = null;
    this.#become("opening", "");
    this.#start();
  }

  async #start() {
    this.#leave();
    if (this.topic === null || this.state === "gone" || this.paused) return;
    if (this.#push.state !== "open") return;
    const sid = this.#push.newSid(this);
    this.#sid = sid;
    this.#used = 0;
    this.#become("opening", "");
    const subscribe = { sid, topic: this.topic, topic_id: this.#topicId, from: this.#from,
      credit: { records: kCredit } };
    if (this.positions.size > 0) {
      const positions = [...this.positions].map(([partition, at]) => [partition, at.next]);
      Object.assign(subscribe, {
        from: "earliest",  // of partitions that have been added meanwhile
        positions: Object.fromEntries(positions),
        epoch: this.#epoch ?? undefined,
      });
    }
    try {
      const subscribed = await this.#push.command("subscribe", subscribe);
      if (sid !== this.#sid) return;
      this.#learn(subscribed.positions);
      this.#become("live", "");
      if (this.paused) this.#tell("pause");
    } catch (refused) {
      if (sid === this.#sid) this.#refused(refused);
    }
  }

  #refused(refused) {
    this.#push.forget(this.#sid);
    this.#sid = 0;
    if (refused.code === 0) return;  // the connection is lost: disconnected() follows
    if (refused.code === kUnknownTopic) return this.#become("gone", refused.message);
    if ([kOffsetOutOfRange, kEpochChanged].includes(refused.code)) {
      // What was read is no part of the log that is there now.
      const id = refused.more.topic_id ?? this.#topicId;
      const another = id !== this.#topicId;
      this.#store.add({ note: another ? "Another topic of the same name, from its beginning"
        : `The log is not the one that was read before (${refused.message}); on from its end` });
      return this.#read(id, another ? "earliest" : "latest");
    }
    this.#become("refused", refused.message);
    if (refused.temporary) this.#retry = setTimeout(() => this.#start(), kRetryMs);
  }

  #leave() {
    clearTimeout(this.#retry);
    if (this.#sid === 0) return;
    this.#push.forget(this.#sid);
    this.#push.command("unsubscribe", { sid: this.#sid }).catch(() => {});
    this.#sid = 0;
  }

  #tell(command, more = {}) {
    this.#push.command(command, { sid: this.#sid, ...more }).catch((refused) => {
      if (refused.code !== 0) this.#become("refused", refused.message);
    });
  }

  // ---- What comes ------------------------------------------------------------------------------

  #records({ partition, next, epoch, items }) {
    for (const item of items) {
      const key = item.key ?? item.key_b64 ?? null;
      const value = item.value ?? item.value_b64 ?? null;
      this.#store.add({
        p: partition, o: item.o, t: item.t, key, value, headers: item.headers ?? [],
        binaryKey: item.key_b64 !== undefined, binary: item.value_b64 !== undefined,
        size: (key?.length ?? 0) + (value?.length ?? 0) + 64,
      });
    }
    this.#used += items.length;
    this.#at(partition).next = next;
    if (epoch !== undefined) this.#epoch = Math.max(this.#epoch ?? 0, epoch);
    this.onrows();
  }

  #gap({ partition, from, to, reason }) {
    const missing = Number(to) - Number(from);
    this.#store.add({ note: `Partition ${partition}: ${count(missing)} offsets are missing, ` +
      `${count(Number(from))} to ${count(Number(to) - 1)} (${reason})` });
    this.#at(partition).next = to;
    this.onrows();
  }

  #heartbeat(positions) {
    this.#learn(positions);
    this.onrows();
  }

  // Records may have come before the reply that says where they begin.
  #learn(positions) {
    for (const [partition, { next, end, epoch }] of Object.entries(positions)) {
      const at = this.#at(Number(partition));
      if (next !== undefined && Number(next) > Number(at.next)) at.next = next;
      if (end !== undefined) at.end = end;
      if (epoch !== undefined) this.#epoch = Math.max(this.#epoch ?? 0, epoch);
    }
  }

  #at(partition) {
    let at = this.positions.get(partition);
    if (!at) this.positions.set(partition, (at = { next: "0", end: "0" }));
    return at;
  }

  #become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.onstate();
  }
}
