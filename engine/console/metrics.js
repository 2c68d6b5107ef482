// Reads Prometheus' text format, as far as this server writes it.

const kSample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const kLabel = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export class Metrics {
  families = new Map();  // name -> {help, type, samples: [{labels, value}]}

  constructor(text) {
    for (const line of text.split("\n")) {
      if (line.startsWith("# HELP ")) {
        const [name] = line.slice(7).split(" ", 1);
        this.families.set(name, { help: line.slice(8 + name.length), type: "", samples: [] });
      } else if (line.startsWith("# TYPE ")) {
        const [name, type] = line.slice(7).split(" ");
        this.families.get(name).type = type;
      } else {
        const sample = kSample.exec(line);
        if (sample) {
          this.families.get(sample[1])?.samples.push(
            { labels: sample[2] ?? "", value: Number(sample[3]) });
        }
      }
    }
  }

  // Over all shards; null when there is no such family.
  sum(name) {
    const family = this.families.get(name);
    return family ? family.samples.reduce((sum, sample) => sum + sample.value, 0) : null;
  }

  // A label of the family's first sample.
  label(name, label) {
    const labels = this.families.get(name)?.samples[0]?.labels ?? "";
    for (const [, key, value] of labels.matchAll(kLabel)) {
      if (key === label) return value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    }
    return null;
  }
}
