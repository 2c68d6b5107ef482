// Writing records: the form below a tail, and the first record of a server without topics.

import { count } from "./format.js";

const kMaxChoices = 1_000;  // of partitions

// Publishes one record, and returns {partition, offset} once it is durable. Who publishes by hand
// looks at the outcome: what cannot be written now is not kept for later.
async function publish(duolog, topic, record) {
  const [item] = await duolog.publish(topic, [record], { wait: false });
  return item;
}

export class PublishForm {
  topic = null;
  #duolog;
  #parts;
  #partitions = 0;

  // parts: {form, key, value, nothing, partition, outcome}
  constructor(duolog, parts) {
    this.#duolog = duolog;
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
    // A record for a topic that is gone would make it anew.
    this.#parts.form.querySelector("button").disabled = partitions === 0;
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
    const { key, value, nothing, partition } = this.#parts;
    const record = { value: nothing.checked ? null : value.value };
    if (key.value !== "") record.key = key.value;
    if (partition.value !== "") record.partition = Number(partition.value);
    try {
      const item = await publish(this.#duolog, this.topic, record);
      const offset = count(Number(item.offset));
      this.#say(`On disk: partition ${item.partition}, offset ${offset}`, "good");
      value.value = "";
      this.#fit();
    } catch (error) {
      this.#say(`Not written: ${error.message}`, "bad");
    }
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

// The topic is made with its first record, where the server lets clients make topics.
export function firstRecord(duolog, { form, topic, value, outcome }) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    outcome.textContent = "";
    try {
      await publish(duolog, topic.value, { value: value.value });
    } catch (error) {
      outcome.textContent = `Not written: ${error.message}`;
      outcome.dataset.kind = "bad";
    }
  });
}
