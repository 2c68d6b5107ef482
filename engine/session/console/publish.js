// Writing records: the form below a tail, and the first record of a server without topics.

import { count } from "./format.js";

const kUnknownTopic = 102;
const kMaxChoices = 1_000;  // of partitions

// Publishes one record, and returns {partition, offset} once it is durable.
async function publish(push, topic, record) {
  const published = await push.command("publish", { topic, records: [record], ack: "durable" });
  const [item] = published.items;
  if (item.error) throw new Error(item.error.message);
  return item;
}

// A topic is made by a feed that names it, where the server lets clients make topics.
function makeTopic(origin, topic) {
  return new Promise((resolve, reject) => {
    const feed = new WebSocket(`${origin}/v1/topics/${encodeURIComponent(topic)}/ws`);
    feed.onopen = () => {
      feed.close(1000);
      resolve();
    };
    feed.onerror = () => reject(new Error(`the server does not make the topic ${topic}`));
  });
}

export class PublishForm {
  topic = null;
  #push;
  #parts;
  #partitions = 0;

  // parts: {form, key, value, nothing, partition, outcome}
  constructor(push, parts) {
    this.#push = push;
    this.#parts = parts;
    const { form, value, nothing } = parts;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    value.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    value.addEventListener("input", () => this.#fit());
    nothing.addEventListener("change", () => { value.disabled = nothing.checked; });
  }

  show(topic, partitions) {
    if (topic !== this.topic) this.#say("", "");
    this.topic = topic;
    if (partitions === this.#partitions) return;
    this.#partitions = partitions;
    const { partition } = this.#parts;
    const chosen = partition.value;
    const options = [new Option("any partition", "")];
    for (let i = 0; i < Math.min(partitions, kMaxChoices); ++i) {
      options.push(new Option(`partition ${i}`, i));
    }
    partition.replaceChildren(...options);
    partition.value = Number(chosen) < partitions ? chosen : "";
  }

  async #submit() {
    const { key, value, nothing, partition, form } = this.#parts;
    const record = { value: nothing.checked ? null : value.value };
    if (key.value !== "") record.key = key.value;
    if (partition.value !== "") record.partition = Number(partition.value);
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const item = await publish(this.#push, this.topic, record);
      const offset = count(Number(item.offset));
      this.#say(`On disk: partition ${item.partition}, offset ${offset}`, "good");
      value.value = "";
      this.#fit();
    } catch (error) {
      this.#say(`Not written: ${error.message}`, "bad");
    }
    button.disabled = false;
  }

  // As many lines as it has, up to what style.css allows.
  #fit() {
    const { value } = this.#parts;
    value.rows = Math.min(8, value.value.split("\n").length);
  }

  #say(text, kind) {
    this.#parts.outcome.textContent = text;
    this.#parts.outcome.dataset.kind = kind;
  }
}

// `done(topic)` is called when the first record is written.
export function firstRecord(push, origin, { form, topic, value, outcome }, done) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = topic.value;
    const record = { value: value.value };
    outcome.textContent = "";
    try {
      await publish(push, name, record).catch(async (refused) => {
        if (refused.code !== kUnknownTopic) throw refused;
        await makeTopic(origin, name);
        return publish(push, name, record);
      });
      done(name);
    } catch (error) {
      outcome.textContent = `Not written: ${error.message}`;
      outcome.dataset.kind = "bad";
    }
  });
}
