// A client of Duolog's push protocol (duolog.v1.json), for browsers and Node. Copy this file: it is
// an ES module that needs no other and no build step.
//
//   const duolog = new Duolog('ws://127.0.0.1:8080/v1/ws');
//   duolog.subscribe('trades', {from: '-100', onRecord: (r) => show(r.key, r.value)});
//   const [{partition, offset}] = await duolog.publish('trades', [{key: 'AAPL', value: '187.2'}]);
//
// One connection, which comes back by itself when it is lost or silent: later each time, at a moment
// that is random in part, and after what the server asks for. Its subscriptions then go on where
// they were: no record is missing and none comes twice, or onGap says which have gone, or onError
// that this is no longer the log that was read. A publish is resolved when its records are safe; one
// whose answer was lost says that nobody knows, and is not repeated by itself.
//
// Keys, values and the values of headers are strings, or a Uint8Array when they are not UTF-8, or
// null. Offsets are strings, because they can pass 2^53. Times are in milliseconds.

const PROTOCOL = 'duolog.v1.json';
// Close codes after which another connection is worth it, besides Duolog's own 45xx.
const AGAIN = [1001, 1005, 1006, 1011, 1012, 1013, 4408, 4429, 4440, 4441, 4442];
const FIRST_RETRY_MS = 250;
const REFUSED_RETRY_MS = 2_000;  // of a subscription that the server cannot take now
const SILENT_HEARTBEATS = 3;
const HELLO_MS = 30_000;  // for a connection and the answer to hello

// Why a command came to nothing: `code` and `message` of the protocol, `temporary` when it may
// succeed later, and what else the server says. `lost`: the connection ended before the answer, and
// what was published may be written or not.
export class DuologError extends Error {
  constructor({message, ...more}) {
    super(message);
    Object.assign(this, {temporary: false, lost: false}, more);
  }
}

export class Duolog {
  // 'connecting', 'open', 'waiting' before another attempt, or 'closed' for good; and why.
  state = 'connecting';
  reason = '';
  #url; #WebSocket; #client; #mostRetryMs;
  #socket = null;              // the one under way or open
  #subscriptions = new Map();  // by sid
  #replies = new Map();        // by the id of the command: {resolve, reject}
  #waiting = [];               // publishes made while there was no connection
  #lastId = 0; #lastSid = 0; #failures = 0;
  #silentMs = HELLO_MS; #heardMs = 0; #watchdog; #retry; #bye = null;

  // onState(state, reason): for people to see. mostRetryMs: between two attempts to connect. client:
  // what the server is told. Without a WebSocket of its own, Node is given the `ws` package's class.
  constructor(url, {WebSocket = globalThis.WebSocket, onState = () => {}, mostRetryMs = 10_000,
                    client = 'duolog.js'} = {}) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#client = client;
    this.#mostRetryMs = mostRetryMs;
    this.onState = onState;
    globalThis.addEventListener?.('online', this.#hurry);
    this.#connect();
  }

  // Subscribes, and returns a Subscription: see there for what can be done with it.
  //
  // from: 'latest', 'earliest', '-N' (so many back in each partition), {timestamp: ms}.
  // partitions: only these. place: of an earlier subscription, to go on from there instead of
  // `from`; {topic_id, positions: {}} only names the topic, so that it is never made anew.
  // credit: {records, bytes}, for a reader that says itself how much more it can take; see more().
  //
  // onRecord({topic, partition, offset, timestamp, key, value, headers}).
  // onGap({partition, from, to, reason}): records that had gone before they were read,
  // or, with the reason 'damaged', that cannot be read.
  // onError(DuologError): the subscription has ended.
  // onState(state, reason): 'opening', 'live', 'waiting' for a connection or another attempt.
  // onProgress(): `place` or `progress` has changed.
  subscribe(topic, options = {}) {
    const sid = ++this.#lastSid;
    const subscription = new Subscription(topic, options, {
      command: (name, args) => this.#command(name, {sid, ...args}),
      forget: () => this.#subscriptions.delete(sid),
    });
    this.#subscriptions.set(sid, subscription);
    if (this.state === 'open') subscription.connected();
    return subscription;
  }

  // Publishes [{key, value, headers: [[name, value]], partition}], all optional but the value.
  // Resolves to [{partition, offset}] when they are as safe as `ack` ('durable' or 'appended') says;
  // rejects with a DuologError, whose `items` say which of several could not be written. Without a
  // connection they wait for one; with `wait` false, only for one that is being made.
  publish(topic, records, {ack = 'durable', wait = true} = {}) {
    const args = {topic, ack, records: records.map(encodeRecord)};
    if (this.state === 'open') return this.#publish(args);
    if (this.state === 'closed') {
      return Promise.reject(new DuologError({message: 'the client is closed'}));
    }
    if (this.state === 'waiting' && !wait) {
      return Promise.reject(new DuologError({message: 'there is no connection'}));
    }
    return new Promise((resolve, reject) => this.#waiting.push({args, wait, resolve, reject}));
  }

  close() {
    if (this.state !== 'closed') this.#end('', {message: 'the client is closed'});
  }

  // ---- The connection ---------------------------------------------------------------------------

  #connect() {
    this.#become('connecting', '');
    const socket = new this.#WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    this.#bye = null;
    this.#silentMs = HELLO_MS;
    socket.onopen = () => this.#hello();
    socket.onerror = () => {};  // onclose follows
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onmessage = (event) => {
      this.#heardMs = performance.now();
      for (const line of event.data.split('\n')) {
        if (line !== '') this.#take(JSON.parse(line));
      }
    };
    this.#heardMs = performance.now();
    this.#watch();
  }

  async #hello() {
    try {
      const {hello} = await this.#command('hello', {client: this.#client});
      if (hello.heartbeat_ms > 0) this.#silentMs = SILENT_HEARTBEATS * hello.heartbeat_ms;
    } catch {
      return;  // the connection went; onclose deals with it
    }
    this.#watch();
    this.#failures = 0;
    this.state = 'open';
    for (const subscription of this.#subscriptions.values()) subscription.connected();
    for (const {args, resolve, reject} of this.#waiting.splice(0)) {
      this.#publish(args).then(resolve, reject);
    }
    this.#become('open', '');
  }

  // A page cannot see WebSocket's pings: it goes by the heartbeats.
  #watch() {
    clearTimeout(this.#watchdog);
    const leftMs = this.#heardMs + this.#silentMs - performance.now();
    if (leftMs <= 0) return this.#lost(1006, 'the server is silent');
    this.#watchdog = setTimeout(() => this.#watch(), leftMs);
  }

  #lost(code, closeReason) {
    const bye = this.#bye;
    const reason = closeReason || `closed with ${code}`;
    const again = bye ? bye.reconnect : AGAIN.includes(code) || (code >= 4500 && code < 4600);
    if (!again) return this.#end(reason, {message: reason, code});
    this.state = 'waiting';
    this.#drop();
    const mostMs = Math.min(this.#mostRetryMs, FIRST_RETRY_MS * 2 ** this.#failures++);
    this.#retry = setTimeout(this.#hurry, (bye?.after_ms ?? 0) + spread(mostMs));
    this.#reject(({wait}) => !wait, {message: 'there is no connection'});
    this.#become('waiting', `reconnecting (${reason})`);
  }

  // At once when the computer finds its network again.
  #hurry = () => {
    clearTimeout(this.#retry);
    if (this.state === 'waiting') this.#connect();
  };

  #end(reason, error) {
    globalThis.removeEventListener?.('online', this.#hurry);
    clearTimeout(this.#retry);
    this.state = 'closed';
    this.#drop();
    this.#reject(() => true, error);
    this.#become('closed', reason);
  }

  #drop() {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    for (const {reject} of this.#replies.values()) {
      reject(new DuologError({message: 'the connection was lost before the answer', lost: true}));
    }
    this.#replies.clear();
    for (const subscription of this.#subscriptions.values()) subscription.disconnected();
  }

  // Of the publishes that wait for a connection, those that are `chosen`.
  #reject(chosen, error) {
    const rejected = this.#waiting.filter(chosen);
    this.#waiting = this.#waiting.filter((publish) => !rejected.includes(publish));
    for (const {reject} of rejected) reject(new DuologError(error));
  }

  #become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.onState(state, reason);
  }

  // ---- The protocol -----------------------------------------------------------------------------

  #command(name, args) {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({id, [name]: args}));
    return new Promise((resolve, reject) => this.#replies.set(id, {resolve, reject}));
  }

  async #publish(args) {
    const {published} = await this.#command('publish', args);
    const failed = published.items.find((item) => item.error);
    if (failed) throw new DuologError({...failed.error, items: published.items});
    return published.items;
  }

  #take(message) {
    if (message.id !== undefined) {
      const reply = this.#replies.get(message.id);
      this.#replies.delete(message.id);
      if (message.error) reply?.reject(new DuologError(message.error));
      else reply?.resolve(message);
    } else if (message.bye) {
      this.#bye = message.bye;
    } else if (message.hb) {
      for (const [sid, positions] of Object.entries(message.hb.positions)) {
        this.#subscriptions.get(Number(sid))?.take('hb', positions);
      }
    } else {
      const [kind] = Object.keys(message);
      this.#subscriptions.get(message[kind].sid)?.take(kind, message[kind]);
    }
  }
}

export class Subscription {
  state = 'waiting';  // as onState is told, or 'ended'
  paused = false;
  place;          // where it is: what `place` of a later subscription goes on from
  progress = {};  // partition -> {next, end}: what is read next, and the log's end when last told
  #topic; #options; #wire;
  #connected = false; #retry;

  // Made by Duolog.subscribe(). wire: command(name, arguments) of this subscription, on a connection
  // that is open; forget().
  constructor(topic, options, wire) {
    this.#topic = topic;
    this.#options = {from: 'latest', onGap() {}, onError: console.error, onState() {},
      onProgress() {}, ...options};
    this.#wire = wire;
    this.place = options.place ? structuredClone(options.place) : {positions: {}};
  }

  // What is on its way may still come. A paused subscription comes back only with resume().
  pause() {
    this.paused = true;
    if (this.state === 'live') this.#tell('pause');
  }

  resume() {
    this.paused = false;
    if (this.state === 'live') this.#tell('resume');
    else if (this.state === 'waiting' && this.#connected) this.#start();
  }

  // {records, bytes} may come beyond the credit that it has. Each new connection begins with the
  // credit that it was subscribed with.
  more(credit) {
    if (this.state === 'live') this.#tell('credit', credit);
  }

  close() {
    const known = this.state === 'opening' || this.state === 'live';
    if (known) this.#wire.command('unsubscribe').catch(() => {});
    this.#forget();
  }

  // ---- What the connection says -----------------------------------------------------------------

  connected() {
    this.#connected = true;
    this.#start();
  }

  disconnected() {
    this.#connected = false;
    clearTimeout(this.#retry);
    this.#become('waiting', 'there is no connection');
  }

  take(kind, content) {
    if (kind === 'records') return this.#records(content);
    if (kind === 'hb') return this.#learn(content);
    if (kind === 'unsub') {
      return this.#end(new DuologError({code: content.code, message: content.reason}));
    }
    if (kind !== 'gap') return;
    this.#moved(content.partition, content.to);
    this.#options.onGap(content);
    this.#options.onProgress();
  }

  // ---- Subscribing ------------------------------------------------------------------------------

  async #start() {
    clearTimeout(this.#retry);
    if (this.paused) return;
    this.#become('opening', '');
    try {
      const {subscribed} = await this.#wire.command('subscribe', this.#where());
      if (this.state === 'ended') return;
      this.place.topic_id = subscribed.topic_id;
      for (const [partition, {next, epoch}] of Object.entries(subscribed.positions)) {
        this.place.positions[partition] ??= next;  // records need not wait for this reply
        this.#seen(epoch);
      }
      if (this.state !== 'opening') return;  // the connection went behind its answer
      this.#become('live', '');
      this.#learn(subscribed.positions);
      if (this.paused) this.#tell('pause');
    } catch (error) {
      if (error.lost || this.state !== 'opening') return;
      if (!error.temporary) return this.#end(error);
      this.#retry = setTimeout(() => this.#start(), spread(REFUSED_RETRY_MS));
      this.#become('waiting', error.message);
    }
  }

  #where() {
    const {topic_id, epoch, positions} = this.place;
    const {from, partitions, credit} = this.#options;
    const where = {topic: this.#topic, topic_id, credit};
    if (Object.keys(positions).length === 0) return {...where, from, partitions};
    // With a topic's id the place is whole; what is not in it are partitions that were added.
    if (topic_id) return {...where, positions, epoch, from: partitions ? undefined : 'earliest'};
    return {...where, positions, epoch, from, partitions};
  }

  #tell(name, more) {
    this.#wire.command(name, more).catch((error) => {
      if (error.lost || this.state !== 'live') return;
      this.close();
      this.#options.onError(error);
    });
  }

  #forget() {
    clearTimeout(this.#retry);
    this.state = 'ended';
    this.#wire.forget();
  }

  #end(error) {
    this.#forget();
    this.#options.onError(error);
  }

  #become(state, reason) {
    if (this.state === state) return;
    this.state = state;
    this.#options.onState(state, reason);
  }

  // ---- What comes -------------------------------------------------------------------------------

  #records({partition, next, epoch, items}) {
    for (const item of items) this.#hand(partition, item);
    this.#moved(partition, next);
    this.#seen(epoch);
    this.#options.onProgress();
  }

  #hand(partition, item) {
    if (this.state === 'ended') return;  // by the record before
    try {
      this.#options.onRecord({
        topic: this.#topic, partition, offset: item.o, timestamp: item.t,
        key: decoded(item.key, item.key_b64), value: decoded(item.value, item.value_b64),
        headers: (item.headers ?? []).map(([name, value]) => [
          name, decoded(value, value?.v_b64)]),
      });
    } catch (error) {
      console.error(error);  // the page's mistake; the records behind this one still come
    }
  }

  #moved(partition, next) {
    this.place.positions[partition] = next;
    this.progress[partition] = {end: '0', ...this.progress[partition], next};
  }

  #seen(epoch) {
    if (epoch !== undefined) this.place.epoch = Math.max(this.place.epoch ?? 0, epoch);
  }

  #learn(positions) {
    for (const [partition, {next = '0', end}] of Object.entries(positions)) {
      const known = this.progress[partition]?.next ?? next;
      this.progress[partition] = {next: BigInt(next) > BigInt(known) ? next : known, end};
    }
    this.#options.onProgress();
  }
}

// A server's clients must not all come back at once.
function spread(mostMs) {
  return mostMs * (0.5 + Math.random() / 2);
}

function decoded(text, base64) {
  if (base64 === undefined) return text ?? null;
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
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
