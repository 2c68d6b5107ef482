// @platformatic/kafka. It reads in groups only, so that whatever reads back needs groups.
'use strict';
const {randomBytes} = require('node:crypto');
const path = require('node:path');
const {pathToFileURL} = require('node:url');
const {assert, broker, checkGroup, main, numbered, until} = require('../feature_run');

const LARGE = 10_000_000;
const base = {clientId: 'compat', bootstrapBrokers: [broker], retries: 5};

// The package is in the folder that the runner fetched it to.
const imported = import(pathToFileURL(path.join(process.env.COMPAT_MODULES, 'node_modules',
    '@platformatic', 'kafka', 'dist', 'index.js')));

// Writes messages, {value, key, headers, timestamp} or a value; gives the base offset.
async function produce(topic, messages, {partition = 0, ...options} = {}) {
  const {Producer} = await imported;
  const producer = new Producer({...base, ...options});
  // It does not take `acks` from the producer's options.
  const {offsets} = await producer.send({acks: -1, messages: messages.map((message) => {
    const {value, ...rest} = typeof message === 'string' ? {value: message} : message;
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return {topic, partition, value: bytes, ...rest};
  })});
  await producer.close();
  return offsets[0].offset;
}

// A member of a group. It commits what it has read.
async function startMember(topic, groupId, onMessage, options = {}) {
  const {Consumer} = await imported;
  const consumer = new Consumer({...base, groupId, sessionTimeout: 10_000, rebalanceTimeout: 10_000,
    heartbeatInterval: 200, maxWaitTime: 100, maxBytes: LARGE, maxBytesPerPartition: LARGE});
  let partitions = 0;
  consumer.on('consumer:group:join', () => {
    const found = (consumer.assignments || []).find((assigned) => assigned.topic === topic);
    partitions = found ? found.partitions.length : 0;
  });
  const stream = await consumer.consume({topics: [topic], mode: 'committed',
    fallbackMode: 'earliest', autocommit: false, ...options});
  const offsets = new Map();
  stream.on('data', (message) => {
    offsets.set(message.partition, {topic, partition: message.partition,
      offset: message.offset + 1n, leaderEpoch: 0});
    onMessage(message);
  });
  const stop = async () => {
    if (offsets.size > 0) await consumer.commit({offsets: [...offsets.values()]});
    await stream.close();
    await consumer.close();
  };
  return {stop, partitions: () => partitions};
}

async function consume(topic, count, options) {
  const messages = [];
  const member =
      await startMember(topic, `reads-${topic}`, (message) => messages.push(message), options);
  await until(() => messages.length >= count);
  await member.stop();
  return messages;
}

const text = (messages) => messages.map((message) => message.value.toString());

async function checkCodec(codec) {
  const values = numbered('v', 50).map((value) => value + ' compress me'.repeat(20));
  await produce(`codec-${codec}`, values, {compression: codec});
  assert.deepEqual(text(await consume(`codec-${codec}`, 50)), values);
}

async function withAdmin(use) {
  const {Admin} = await imported;
  const admin = new Admin(base);
  await use(admin);
  await admin.close();
}

async function partitionsOf(admin, topic) {
  const {topics} = await admin.metadata({topics: [topic], forceUpdate: true});
  return topics.get(topic).partitionsCount;
}

main({
  produce: async () => {
    for (const partition of [0, 1]) {
      assert.equal(await produce('produce', numbered('v', 100), {partition}), 0n);
      assert.equal(await produce('produce', ['v'], {partition}), 100n);
    }
  },
  group: () => checkGroup(async () => {
    const values = [];
    const member =
        await startMember('group', 'readers', (message) => values.push(message.value.toString()));
    return {values, ...member};
  }, (partition, values) => produce('group', values, {partition})),
  'seek-offset': async () => {
    await produce('seek-offset', numbered('v', 20));
    const got = await consume('seek-offset', 13, {
      mode: 'manual', fallbackMode: undefined,
      offsets: [{topic: 'seek-offset', partition: 0, offset: 7n}]});
    assert.deepEqual(text(got), numbered('v', 20).slice(7));
  },
  'seek-time': async () => {
    const begin = 1_700_000_000_000n;
    await produce('seek-time', numbered('v', 20).map(
        (value, number) => ({value, timestamp: begin + 1000n * BigInt(number)})));
    await withAdmin(async (admin) => {
      const [{partitions: [found]}] = await admin.listOffsets({topics: [
        {name: 'seek-time', partitions: [{partitionIndex: 0, timestamp: begin + 6001n}]}]});
      assert.deepEqual([found.offset, found.timestamp], [7n, begin + 7000n]);
    });
  },
  'codec-none': () => checkCodec('none'),
  'codec-gzip': () => checkCodec('gzip'),
  'codec-snappy': () => checkCodec('snappy'),
  'codec-lz4': () => checkCodec('lz4'),
  'codec-zstd': () => checkCodec('zstd'),
  headers: async () => {
    const headers = new Map([[Buffer.from('a'), Buffer.from('1')],
      [Buffer.from('empty'), Buffer.alloc(0)]]);
    await produce('headers', [{value: 'v', headers}]);
    const [message] = await consume('headers', 1);
    assert.deepEqual([...message.headers].map((pair) => pair.map(String)),
        [['a', '1'], ['empty', '']]);
  },
  nulls: async () => {
    await produce('nulls', [{value: 'no key'}, {key: Buffer.from('no value'), value: null}]);
    const got = (await consume('nulls', 2)).map(({key, value}) => [key, value].map(
        (bytes) => (bytes ? bytes.toString() : null)));
    assert.deepEqual(got, [[null, 'no key'], ['no value', null]]);
  },
  large: async () => {
    const value = randomBytes(5 << 20);
    await produce('large', [{value}]);
    assert.ok(value.equals((await consume('large', 1))[0].value));
  },
  idempotence: async () => {
    const {Producer} = await imported;
    const producer = new Producer({...base, idempotent: true});
    for (let batch = 0; batch < 20; ++batch) {
      const {offsets} = await producer.send({messages: numbered('v', 10).map(
          (value) => ({topic: 'idempotence', partition: 0, value: Buffer.from(value)}))});
      assert.equal(offsets[0].offset, BigInt(10 * batch));
    }
    await producer.close();
  },
  topics: () => withAdmin(async (admin) => {
    await admin.createTopics({topics: ['made'], partitions: 3, replicas: 1});
    assert.equal(await partitionsOf(admin, 'made'), 3);
    await admin.deleteTopics({topics: ['made']});
    await until(async () => !(await admin.listTopics()).includes('made'));
  }),
  partitions: () => withAdmin(async (admin) => {
    await admin.createPartitions({topics: [{name: 'partitions', count: 5}]});
    await until(async () => (await partitionsOf(admin, 'partitions')) === 5);
  }),
  'delete-records': async () => {
    await produce('delete-records', numbered('v', 10));
    await withAdmin(async (admin) => {
      const [{partitions}] = await admin.deleteRecords(
          {topics: [{name: 'delete-records', partitions: [{partition: 0, offset: 6n}]}]});
      assert.equal(partitions[0].lowWatermark, 6n);
    });
  },
  configs: () => withAdmin(async (admin) => {
    const topic = {resourceType: 2, resourceName: 'configs'};
    const retention = async () => {
      const [{configs}] = await admin.describeConfigs(
          {resources: [{...topic, configurationKeys: ['retention.ms']}]});
      return configs[0].value;
    };
    assert.equal(await retention(), '604800000');
    await admin.incrementalAlterConfigs({resources: [{...topic,
      configs: [{name: 'retention.ms', configOperation: 0, value: '3600000'}]}]});
    await until(async () => (await retention()) === '3600000');
  }),
  groups: async () => {
    await produce('groups', numbered('v', 10));
    let count = 0;
    const member = await startMember('groups', 'listed', () => { ++count; });
    await until(() => count === 10);
    await withAdmin(async (admin) => {
      assert.ok((await admin.listGroups()).has('listed'));
      const group = (await admin.describeGroups({groups: ['listed']})).get('listed');
      assert.equal(group.members.size, 1);
      await member.stop();
      const [{topics}] = await admin.listConsumerGroupOffsets({groups: ['listed']});
      assert.equal(topics[0].partitions[0].committedOffset, 10n);
      await admin.deleteGroups({groups: ['listed']});
    });
  },
});
