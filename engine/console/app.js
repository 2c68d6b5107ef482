// The page: asks the server how it is, once a second, and keeps a tail of the chosen topic.

import { Counters } from "./counters.js";
import { Duolog } from "./duolog.js";
import { bytes, clock, count, duration, plural, rate } from "./format.js";
import { Metrics } from "./metrics.js";
import { PublishForm, firstRecord } from "./publish.js";
import { Rate, sparkline } from "./rates.js";
import { RecordStore, kMaxRows } from "./record_store.js";
import { fieldText, wholeValue } from "./record_text.js";
import { Tail } from "./tail.js";
import { TailView } from "./tail_view.js";
import { Topics, TopicsView } from "./topics.js";

const kPollMs = 1_000;
const kHiddenPollMs = 10_000;
const kAnswerMs = 5_000;
const kMaxPartitionRows = 200;
const kMostRetryMs = 5_000;

const $ = (id) => document.getElementById(id);
const put = (id, text) => {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
};

const origin = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
const topics = new Topics();
const store = new RecordStore();
const duolog = new Duolog(`${origin}/v1/ws`, { client: "console", mostRetryMs: kMostRetryMs });
const tail = new Tail(duolog, store);
const view = new TailView(store, $("records"), $("newest"));
const table = new TopicsView(topics, {
  table: $("topics"), note: $("topics-note"), filter: $("topic-filter"),
  internal: $("show-internal"),
});
const form = new PublishForm(duolog, {
  form: $("publish"), key: $("publish-key"), value: $("publish-value"),
  nothing: $("publish-null"), partition: $("publish-partition"), outcome: $("publish-outcome"),
});
const counters = new Counters({
  dialog: $("counters"), rows: $("counter-rows"), filter: $("counter-filter"),
  zero: $("counter-zero"), close: $("counters-close"),
});
const bytesOut = new Rate();
const arriving = new Rate();
let kafkaAddress = `${location.hostname}:9092`;
let answered = false;  // once
let lostSince = 0;
let hashIsOurs = false;

// ---- Asking ------------------------------------------------------------------------------------

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(kAnswerMs) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function poll() {
  const began = performance.now();
  let answers = null;
  try {
    answers = await Promise.all([
      ask("/v1/topics").then((answer) => answer.json()),
      ask("/metrics").then((answer) => answer.text()),
    ]);
    lostSince = 0;
    answered = true;
  } catch {
    lostSince ||= Date.now();
  }
  const now = performance.now();
  // What takes the server long is answered for less often.
  const least = document.hidden ? kHiddenPollMs : kPollMs;
  setTimeout(poll, Math.max(least, Math.min(20 * (now - began), kHiddenPollMs)));
  showStatus();
  if (answers === null) return;
  topics.take(answers[0], now);
  showServer(new Metrics(answers[1]), now);
  showTopics();
}

function showStatus() {
  const lost = lostSince > 0;
  if (!answered && !lost) return;
  const [state, text] = lost ? ["lost", `no answer since ${clock(lostSince).slice(0, 8)}`]
    : duolog.state === "closed" ? ["stopped", `closed by the server: ${duolog.reason}`]
      : ["live", "live"];
  $("status").dataset.state = state;
  put("status", text);
  document.body.classList.toggle("stale", lost);
}

function showServer(metrics, now) {
  const sum = (name) => metrics.sum(name);
  kafkaAddress = metrics.label("duolog_address_info", "kafka") || kafkaAddress;
  // What listens everywhere is found where this page was.
  kafkaAddress = kafkaAddress.replace(/^(0\.0\.0\.0|\[::\])/, location.hostname);
  put("kafka-address", kafkaAddress);
  put("version", metrics.label("duolog_build_info", "version") ?? "–");
  put("uptime", duration(Date.now() / 1000 - sum("process_start_time_seconds")));
  put("records-in", rate(topics.records.now));
  sparkline($("records-spark"), topics.records.history);
  put("bytes-in", bytes(topics.bytes.now));
  sparkline($("bytes-in-spark"), topics.bytes.history);
  bytesOut.take(sum("duolog_kafka_sent_bytes_total") + sum("duolog_http_bytes_pushed_total"), now);
  put("bytes-out", bytes(bytesOut.now));
  sparkline($("bytes-out-spark"), bytesOut.history);
  const websockets = sum("duolog_http_websockets_open");
  put("kafka-connections", count(sum("duolog_kafka_connections")));
  put("websockets", count(websockets));
  put("http-connections", count(sum("duolog_http_connections_open") - websockets));
  counters.take(metrics, now);
}

// ---- Topics ------------------------------------------------------------------------------------

function showTopics() {
  const own = topics.own;
  put("kept-bytes", bytes(own.reduce((all, topic) => all + topic.size, 0)));
  put("kept-note", `${plural(own.reduce((all, topic) => all + topic.kept, 0), "record")} in ` +
    plural(own.length, "topic"));
  $("first").hidden = own.length > 0 || topics.leftOut > 0;
  document.body.classList.toggle("no-topics", !$("first").hidden);
  put("first-kafka", `echo 'hello' | kcat -P -b ${kafkaAddress} -t greetings`);
  put("first-websocket", `python3 -m websockets ${origin}/v1/topics/greetings/ws`);
  if (tail.topic === null && own.length > 0) choose((wantedTopic() ?? own[0]).name);
  table.draw();
  const topic = topics.byName(tail.topic);
  if (topic) tail.seen(topic.id);
  form.show(tail.topic, topic?.partition_count ?? 0);
  showPartitions(topic);
  showTail();
}

// The one that the address names.
function wantedTopic() {
  try {
    return topics.byName(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null;  // no text that a name was made into
  }
}

function choose(name) {
  const topic = topics.byName(name);
  if (!topic) return;
  hashIsOurs = location.hash.slice(1) !== encodeURIComponent(name);
  location.hash = encodeURIComponent(name);
  put("tail-title", name);
  document.title = `${name} – Duolog`;
  view.choose(null);
  view.follow();
  arriving.now = null;
  tail.open(topic, $("tail-from").value);
  table.choose(name);
  form.show(name, topic.partition_count);
  put("tail-hint", `echo 'hello' | kcat -P -b ${kafkaAddress} -t ${name}`);
}

function showPartitions(topic) {
  const listed = (topic?.partitions ?? []).map(({ partition, start, end, size_bytes }) => {
    const at = tail.positions.get(partition);
    const behind = at ? Math.max(0, Number(end) - Number(at.next)) : null;
    return { partition, start, end, size_bytes, next: at?.next ?? null, behind };
  });
  const behind = listed.reduce((all, row) => all + (row.behind ?? 0), 0);
  const known = listed.some((row) => row.behind !== null);
  put("lag", !known ? "" : behind === 0 ? "this tail has read everything"
    : `this tail is ${plural(behind, "record")} behind`);
  if (!$("partitions").open) return;
  const body = $("partitions").querySelector("tbody");
  body.replaceChildren(...listed.slice(0, kMaxPartitionRows).map((row) => {
    const line = document.createElement("tr");
    for (const text of [row.partition, count(Number(row.start)), count(Number(row.end)),
      bytes(row.size_bytes), row.next === null ? "–" : count(Number(row.next)),
      count(row.behind)]) {
      const cell = line.insertCell();
      cell.className = "number";
      cell.textContent = text;
    }
    return line;
  }));
}

// ---- The tail ----------------------------------------------------------------------------------

function showTail() {
  const words = [];
  if (tail.paused) words.push("paused");
  else if (tail.state === "lost") words.push("no connection, it goes on where it was");
  else if (tail.state === "opening") words.push("opening");
  else if (tail.state === "gone") words.push("there is no such topic any more");
  else if (tail.state === "refused") words.push(`refused: ${tail.reason}`);
  else if (tail.state === "live" && arriving.now !== null) {
    words.push(`${rate(arriving.now)} records/s`);
  }
  const rows = store.rows.length;
  if (store.filtered) words.push(`${count(store.shown.length)} of ${count(rows)} match`);
  else if (rows >= kMaxRows) words.push(`the last ${count(kMaxRows)}`);
  put("tail-note", words.join(" · "));
  $("tail-note").dataset.kind = ["lost", "gone", "refused"].includes(tail.state) ? "bad" : "";
  $("pause").setAttribute("aria-pressed", tail.paused);
  put("pause", tail.paused ? "Resume" : "Pause");
  $("tail-empty").hidden = rows > 0 || tail.state !== "live" ||
    [...tail.positions.values()].some(({ end }) => end !== "0");
}

setInterval(() => {
  arriving.take(store.received, performance.now());
  showTail();
}, kPollMs);

tail.onstate = () => {
  view.drawSoon();
  showTail();
};
tail.onrows = () => {
  view.drawSoon();
  // Nothing is drawn while nobody looks, and the tail keeps up all the same.
  if (document.hidden) tail.refill();
};
view.ondrawn = () => tail.refill();
view.onchoose = (row) => {
  $("inspector").hidden = row === null;
  if (row === null) return;
  put("inspect-title", `${tail.topic} / ${row.p} @ ${count(Number(row.o))}`);
  const fields = [["time", `${new Date(row.t).toISOString()}`],
    ["key", fieldText(row.key)],
    ...row.headers.map(([name, value]) => [name, fieldText(value)])];
  $("inspect-fields").replaceChildren(...fields.map(([name, text], index) => {
    const field = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = index < 2 ? name : `header ${name}`;
    value.textContent = text;
    value.className = "mono";
    field.append(term, value);
    return field;
  }));
  put("inspect-value", wholeValue(row));
};

// ---- What people do ----------------------------------------------------------------------------

const togglePause = () => (tail.paused ? tail.resume() : tail.pause());
const filter = () => {
  store.filter($("tail-filter").value, $("filter-field").value);
  view.follow();
  showTail();
};

table.onchoose = choose;
duolog.onState = (state) => {
  showStatus();
  if (state === "open") tail.connected();
};
$("pause").addEventListener("click", togglePause);
$("clear").addEventListener("click", () => {
  store.clear();
  view.choose(null);
});
$("tail-from").addEventListener("change", () => choose(tail.topic));
$("tail-filter").addEventListener("input", filter);
$("filter-field").addEventListener("change", filter);
$("inspect-close").addEventListener("click", () => view.choose(null));
$("partitions").addEventListener("toggle", () => showPartitions(topics.byName(tail.topic)));
$("show-counters").addEventListener("click", () => counters.open());
addEventListener("hashchange", () => {
  if (!hashIsOurs && wantedTopic()) choose(wantedTopic().name);
  hashIsOurs = false;
});
firstRecord(duolog, {
  form: $("first-form"), topic: $("first-topic"), value: $("first-value"),
  outcome: $("first-outcome"),
});

const kKeys = {
  "/": () => $("tail-filter").focus(),
  p: togglePause,
  n: () => $("publish-value").focus(),
  c: () => counters.open(),
};
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "Escape") {
    if (counters.isOpen) counters.close();
    else if (typing) typing.blur();
    else view.choose(null);
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || counters.isOpen) return;
  if (!(event.key in kKeys)) return;
  event.preventDefault();
  kKeys[event.key]();
});

put("http-address", location.host);
poll();
