// What the clients' programs for Node share: runs the features that the command line names.
//
//   PROGRAM HOST:PORT FEATURE...     prints `feature NAME passed` or `feature NAME failed WHY`
'use strict';
const assert = require('node:assert/strict');

// Only catches hangs.
const DEADLINE_MS = 30_000;

const broker = process.argv[2];

async function main(checks) {
  for (const name of process.argv.slice(3)) {
    let outcome = 'passed';
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
    });
    try {
      await Promise.race([checks[name](), late]);
    } catch (error) {
      console.log(error);
      outcome = `failed ${String(error.message).replace(/\s+/g, ' ').slice(0, 300)}`;
    }
    clearTimeout(timer);
    console.log(`feature ${name} ${outcome}`);
  }
  process.exit(0);
}

// Lets everything else run and asks again, until the condition holds.
async function until(condition) {
  for (;;) {
    const outcome = await condition();
    if (outcome) return outcome;
    await new Promise(setImmediate);
  }
}

// Two members share two partitions, commit and leave; a third goes on from there. `start()` gives
// a member {values, partitions(), stop()}; `produce(partition, values)` writes.
async function checkGroup(start, produce) {
  const members = [await start()];
  await until(() => members[0].partitions() === 2);
  members.push(await start());
  await until(() => members.every((member) => member.partitions() === 1));
  const wanted = [numbered('left', 20), numbered('right', 20)];
  await produce(0, wanted[0]);
  await produce(1, wanted[1]);
  await until(() => members.every((member) => member.values.length === 20));
  for (const member of members) await member.stop();
  assert.deepEqual(members.map((member) => member.values).sort(), wanted);
  const later = numbered('later', 10);
  await produce(1, later);
  const third = await start();
  await until(() => third.values.length >= 10);
  await third.stop();
  assert.deepEqual(third.values, later);
}

function numbered(name, count) {
  return Array.from({length: count}, (_, number) => `${name}-${number}`);
}

module.exports = {assert, broker, checkGroup, main, numbered, until};
