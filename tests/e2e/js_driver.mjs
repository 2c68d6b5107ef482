// tools/sdk/js/duolog.js on npm's `ws`, driven by lines of JSON on standard input:
//
//   {"subscribe":{"topic":"t","from":"earliest"}}   {"publish":{"topic":"t","records":[...]}}
//   {"place":1}: the place of the first subscription   {"progress":1}
//   {"unsubscribe":1}   {"pause":1}   {"resume":1}   {"more":[1,{"records":5}]}
//
// It prints what happens, a JSON object a line: {"state":"open"}, {"record":{...}}, {"gap":{...}},
// {"ended":{...}}, {"published":[...]}, {"failed":{...}}, {"place":{...}}, {"progress":{...}},
// {"turned":"live"}: a subscription's state. The end of input closes it.
import {createRequire} from 'node:module';
import readline from 'node:readline';
import {Duolog} from '../../tools/sdk/js/duolog.js';

const WebSocket = createRequire(import.meta.url)('ws');  // by NODE_PATH
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const plain = (value) => (value instanceof Uint8Array ? {bytes: [...value]} : value);
const plainError = (error) => ({...error, message: error.message});
const bytes = (value) => (value?.bytes ? Uint8Array.from(value.bytes) : value);

const subscriptions = [];
const duolog = new Duolog(process.argv[2], {WebSocket, onState: (state, why) => say({state, why})});

const commands = {
  subscribe: ({topic, ...options}) => subscriptions.push(duolog.subscribe(topic, {
    ...options,
    onRecord: ({key, value, headers, ...rest}) => say({record: {
      key: plain(key), value: plain(value),
      headers: headers.map(([name, content]) => [name, plain(content)]), ...rest}}),
    onGap: (gap) => say({gap}),
    onState: (turned, why) => say({turned, why}),
    onError: (ended) => say({ended: plainError(ended)}),
  })),
  unsubscribe: (number) => subscriptions[number - 1].close(),
  pause: (number) => subscriptions[number - 1].pause(),
  resume: (number) => subscriptions[number - 1].resume(),
  more: ([number, credit]) => subscriptions[number - 1].more(credit),
  progress: (number) => say({progress: subscriptions[number - 1].progress}),
  place: (number) => say({place: subscriptions[number - 1].place}),
  publish: ({topic, records, ...options}) => duolog.publish(topic, records.map((record) => ({
    ...record, key: bytes(record.key), value: bytes(record.value),
    headers: record.headers?.map(([name, content]) => [name, bytes(content)]),
  })), options).then((published) => say({published}), (failed) => say({failed: plainError(failed)})),
};

const lines = readline.createInterface({input: process.stdin});
lines.on('line', (line) => {
  const [[name, argument]] = Object.entries(JSON.parse(line));
  commands[name](argument);
});
lines.on('close', () => duolog.close());
