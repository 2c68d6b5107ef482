// One connection that speaks duolog.v1.json, and comes back by itself when it is lost.

const kProtocol = "duolog.v1.json";
const kFirstRetryMs = 250;
const kLastRetryMs = 5_000;
const kSilenceMs = 10_000;  // beyond two heartbeats
const kRetried = [4408, 4429, 4440, 4441, 4442];  // of the codes from 4400 on
const stops = (code) => code >= 4400 && code < 4500 && !kRetried.includes(code);

// What a command was answered with instead of a reply: `code` of the protocol, or 0 when the
// connection was lost before the answer.
export class Refused extends Error {
  constructor({ code, message, temporary = false, ...more }) {
    super(message);
    Object.assign(this, { code, temporary, more });
  }
}

export class Push {
  state = "opening";  // "opening", "open", "waiting" to try again, "stopped" for good
  reason = "";
  onstate = () => {};
  #url;
  #socket = null;
  #id = 0;
  #waiting = new Map();  // id -> {resolve, reject}
  #tails = new Map();  // sid -> the tail that gets its pushes
  #listeners = new Set();  // tails, told when there is a connection and when there is none
  #retryMs = kFirstRetryMs;
  #retryAfterMs = 0;  // as the server asked for
  #heartbeatMs = 15_000;
  #heardMs = 0;
  #changed = Promise.withResolvers();  // of the state

  constructor(url) {
    this.#url = url;
    this.#connect();
    setInterval(() => this.#watch(), 2_000);
    addEventListener("online", () => this.#hurry());
  }

  // Tells `listener` when the connection begins and ends: connected(), disconnected().
  attach(listener) {
    this.#listeners.add(listener);
    if (this.state === "open") listener.connected();
  }

  // A name for a subscription, never used before. Pushes of it go to `tail`.
  newSid(tail) {
    const sid = ++this.#id;
    this.#tails.set(sid, tail);
    return sid;
  }
  forget(sid) {
    this.#tails.delete(sid);
  }

  // The reply's content, or Refused. While a connection is being made, it is waited for.
  async command(name, content) {
    while (this.state === "opening") await this.#changed.promise;
    if (this.state !== "open") throw new Refused({ code: 0, message: "there is no connection" });
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, [name]: content }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #connect() {
    this.#become("opening", "");
    const socket = new WebSocket(this.#url, kProtocol);
    this.#socket = socket;
    socket.onopen = () => {
      this.#heardMs = performance.now();
      this.#retryMs = kFirstRetryMs;
      this.#retryAfterMs = 0;
      this.#become("open", "");
      this.command("hello", { client: "console" }).then(
        (hello) => { this.#heartbeatMs = hello.heartbeat_ms ?? this.#heartbeatMs; }, () => {});
      for (const listener of this.#listeners) listener.connected();
    };
    socket.onmessage = ({ data }) => {
      this.#heardMs = performance.now();
      for (const line of data.split("\n")) if (line) this.#take(JSON.parse(line));
    };
    socket.onclose = ({ code, reason }) => this.#lost(socket, code, reason);
  }

  #take(message) {
    if (message.id !== undefined) return this.#answered(message);
    if (message.hb) {
      for (const [sid, positions] of Object.entries(message.hb.positions)) {
        this.#tails.get(Number(sid))?.take("hb", positions);
      }
      return;
    }
    if (message.bye) {
      this.#retryAfterMs = message.bye.after_ms ?? 0;
      return;
    }
    const [kind] = Object.keys(message);
    this.#tails.get(message[kind].sid)?.take(kind, message[kind]);
  }

  #answered({ id, error, ...reply }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Refused(error));
    else waiting?.resolve(Object.values(reply)[0]);
  }

  #lost(socket, code, reason) {
    if (socket !== this.#socket) return;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#tails.clear();
    const stopped = stops(code);
    this.#become(stopped ? "stopped" : "waiting", reason || `connection lost (${code})`);
    const message = "the connection was lost before the answer came";
    const lost = new Refused({ code: 0, message });
    for (const { reject } of waiting) reject(lost);
    for (const listener of this.#listeners) listener.disconnected();
    if (stopped) return;
    // All pages of a server that was stopped come back; not all at once.
    const after = Math.max(this.#retryMs, this.#retryAfterMs) * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, kLastRetryMs);
    setTimeout(() => this.#hurry(), after);
  }

  #hurry() {
    if (this.state === "waiting") this.#connect();
  }

  // A connection that is silent for longer than its heartbeats is none, whatever TCP thinks.
  #watch() {
    if (this.state !== "open") return;
    if (performance.now() - this.#heardMs < 2 * this.#heartbeatMs + kSilenceMs) return;
    const silent = this.#socket;
    silent.close();
    this.#lost(silent, 1006, "the server is silent");
  }

  #become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.onstate();
  }
}
