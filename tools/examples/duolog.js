// A client of Duolog's push protocol (duolog.v1.json), for browsers and Node: one connection that
// comes back by itself, subscriptions that go on where they were, publishes with acks.
//
//   const duolog = new Duolog('ws://127.0.0.1:8080/v1/ws');
//   duolog.subscribe('trades', {from: '-100', onRecord: (r) => show(r.key, r.value)});
//   const [{partition, offset}] = await duolog.publish('trades', [{key: 'AAPL', value: '187.2'}]);
//
// Keys and values are strings, or a Uint8Array when they are not UTF-8, or null. Offsets are
// strings.

// Close codes after which another connection is worth it, besides Duolog's own 45xx.
const AGAIN = [1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429, 4440, 4441, 4442];

export class Duolog {
  #url; #WebSocket; #onState;
  #socket = null;           // the one under way or open
  #ready = false;           // hello has been answered
  #subscriptions = new Map();  // by sid
  #replies = new Map();     // by the id of the command: {resolve, reject}
  #waiting = [];            // publishes made while there was no connection
  #lastId = 0; #lastSid = 0; #failures = 0; #heartbeatMs = 0; #bye = null;
  #watchdog; #retry; #stopped = false;

  // onState('connecting' | 'open' | 'waiting' | 'closed', why): for people to see; 'waiting' is
  // before another attempt. In Node, pass the `ws` package's class as WebSocket.
  constructor(url, {WebSocket = globalThis.WebSocket, onState = () => {}} = {}) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#onState = onState;
    this.#connect();
  }

  // Subscribes. `from`: 'latest', 'earliest', '-N', {timestamp: ms}; `place`: an earlier
  // subscription's, to go on from there instead. Returns the subscription: its `place` may be kept
  // and passed on later, close() ends it.
  //
  // onRecord({topic, partition, offset, timestamp, key, value, headers}); onGap({partition, from,
  // to, reason}): records that had gone before they were read; onError({code, message, reason}):
  // the subscription has ended.
  subscribe(topic, {from = 'latest', partitions, place = null, onRecord, onGap = () => {},
                    onError = console.error} = {}) {
    const sid = ++this.#lastSid;
    const subscription = {
      topic, from, partitions, onRecord, onGap, onError,
      place: place ? structuredClone(place) : {positions: {}},
      close: () => {
        if (this.#subscriptions.delete(sid) && this.#ready) {
          this.#command('unsubscribe', {sid}).catch(() => {});
        }
      },
    };
    this.#subscriptions.set(sid, subscription);
    if (this.#ready) this.#subscribe(sid, subscription);
    return subscription;
  }

  // Publishes [{key, value, headers: [[name, value]], partition}], all optional but the value.
  // Resolves to [{partition, offset}] when they are as safe as `ack` ('durable' or 'appended')
  // says. Without a connection they wait for one. Rejects with {code, message}; when the connection
  // is lost before the answer with {lost: true}: they may be written or not.
  publish(topic, records, {ack = 'durable'} = {}) {
    const args = {topic, ack, records: records.map(encodeRecord)};
    if (this.#stopped) return Promise.reject({message: 'the client is closed'});
    if (this.#ready) return this.#publish(args);
    return new Promise((resolve, reject) => this.#waiting.push({args, resolve, reject}));
  }

  close() {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#drop(1000);
    this.#onState('closed', '');
  }

  // ---- The connection ---------------------------------------------------------------------------

  #connect() {
    this.#onState('connecting', '');
    const socket = new this.#WebSocket(this.#url, 'duolog.v1.json');
    this.#socket = socket;
    this.#bye = null;
    socket.onopen = () => this.#hello();
    socket.onerror = () => {};  // onclose follows
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onmessage = (event) => {
      this.#watch();
      for (const line of event.data.split('\n')) {
        if (line !== '') this.#take(JSON.parse(line));
      }
    };
    this.#watch();
  }

  async #hello() {
    try {
      const {hello} = await this.#command('hello', {client: 'duolog.js'});
      this.#heartbeatMs = hello.heartbeat_ms;
    } catch {
      return;  // the connection went; onclose deals with it
    }
    this.#ready = true;
    this.#failures = 0;
    this.#onState('open', '');
    for (const [sid, subscription] of this.#subscriptions) this.#subscribe(sid, subscription);
    for (const {args, resolve, reject} of this.#waiting.splice(0)) {
      this.#publish(args).then(resolve, reject);
    }
  }

  // A page cannot see WebSocket's pings: it goes by the heartbeats.
  #watch() {
    clearTimeout(this.#watchdog);
    const silentMs = this.#heartbeatMs > 0 ? 3 * this.#heartbeatMs : 30_000;
    this.#watchdog = setTimeout(() => this.#lost(1006, 'the server is silent'), silentMs);
  }

  #lost(code, reason) {
    const bye = this.#bye;
    this.#drop(1000);
    const again = bye ? bye.reconnect : AGAIN.includes(code) || (code >= 4500 && code < 4600);
    if (this.#stopped || !again) {
      this.#stopped = true;
      for (const {reject} of this.#waiting.splice(0)) reject({message: reason, code});
      return this.#onState('closed', reason || `closed with ${code}`);
    }
    // Growing, and random in part: a server's clients must not all come back at once.
    const mostMs = Math.min(10_000, 250 * 2 ** this.#failures++);
    const delayMs = (bye?.after_ms ?? 0) + mostMs * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.#connect(), delayMs);
    this.#onState('waiting', `reconnecting (${reason || `closed with ${code}`})`);
  }

  #drop(code) {
    clearTimeout(this.#watchdog);
    this.#ready = false;
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
    for (const {reject} of this.#replies.values()) {
      reject({message: 'the connection was lost', lost: true});
    }
    this.#replies.clear();
  }

  // ---- The protocol -----------------------------------------------------------------------------

  #command(name, args) {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({id, [name]: args}));
    return new Promise((resolve, reject) => this.#replies.set(id, {resolve, reject}));
  }

  async #subscribe(sid, subscription) {
    const {topic, from, partitions, place} = subscription;
    // With a topic's id the place is whole; what is not in it are partitions that were added.
    const args = place.topic_id
      ? {sid, topic, ...place, from: partitions ? undefined : 'earliest'}
      : {sid, topic, ...place, from, partitions};
    try {
      const {subscribed} = await this.#command('subscribe', args);
      place.topic_id = subscribed.topic_id;
      for (const [partition, {next, epoch}] of Object.entries(subscribed.positions)) {
        place.positions[partition] ??= next;  // records need not wait for this reply
        place.epoch = Math.max(place.epoch ?? 0, epoch ?? 0);
      }
    } catch (error) {
      if (error.lost) return;  // it is made again with the connection
      if (error.temporary) return this.#lost(4503, error.message);
      if (this.#subscriptions.delete(sid)) subscription.onError(error);
    }
  }

  async #publish(args) {
    const {published} = await this.#command('publish', args);
    const failed = published.items.find((item) => item.error);
    if (failed) throw {...failed.error, items: published.items};
    return published.items;
  }

  #take(object) {
    if ('id' in object) {
      const reply = this.#replies.get(object.id);
      this.#replies.delete(object.id);
      if (object.error) reply?.reject(object.error);
      else reply?.resolve(object);
    } else if (object.records) {
      const {sid, partition, next, epoch, items} = object.records;
      const subscription = this.#subscriptions.get(sid);
      if (!subscription) return;
      for (const item of items) this.#hand(subscription, partition, item);
      subscription.place.positions[partition] = next;
      subscription.place.epoch = Math.max(subscription.place.epoch ?? 0, epoch);
    } else if (object.gap) {
      const subscription = this.#subscriptions.get(object.gap.sid);
      if (!subscription) return;
      subscription.place.positions[object.gap.partition] = object.gap.to;
      subscription.onGap(object.gap);
    } else if (object.unsub) {
      const {sid, code, reason} = object.unsub;
      const subscription = this.#subscriptions.get(sid);
      this.#subscriptions.delete(sid);
      subscription?.onError({code, message: reason});
    } else if (object.bye) {
      this.#bye = object.bye;
    }
  }

  #hand(subscription, partition, item) {
    try {
      subscription.onRecord({
        topic: subscription.topic, partition, offset: item.o, timestamp: item.t,
        key: decoded(item.key, item.key_b64), value: decoded(item.value, item.value_b64),
        headers: (item.headers ?? []).map(([name, value]) => [
          name, value?.v_b64 === undefined ? value : decoded(null, value.v_b64)]),
      });
    } catch (error) {
      console.error(error);  // the page's mistake; the records behind this one still come
    }
  }
}

function decoded(text, base64) {
  if (base64 === undefined) return text;
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function encoded(name, value) {
  if (!(value instanceof Uint8Array)) return {[name]: value};
  return {[`${name}_b64`]: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''))};
}

function encodeRecord({key, value, headers, partition}) {
  return {
    ...encoded('key', key), ...encoded('value', value ?? null), partition,
    headers: headers?.map(([name, content]) => [
      name, content instanceof Uint8Array ? encoded('v', content) : content]),
  };
}
