// kafkajs. It has no consumer without a group, so that whatever reads back needs groups.
'use strict';
const {randomBytes} = require('node:crypto');
const path = require('node:path');
const {assert, broker, checkGroup, main, numbered, until} = require('../feature_run');

// The packages are in the folder that the runner fetched them to.
const fetched = (name) => require(path.join(process.env.COMPAT_MODULES, 'node_modules', name));
const {CompressionCodecs, CompressionTypes, Kafka, logLevel} = fetched('kafkajs');

// Codecs besides gzip are plugged in: compress and decompress a buffer.
const plug = (type, compress, decompress) => {
  CompressionCodecs[type] = () => ({
    compress: async (encoder) => Buffer.from(compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(decompress(buffer)),
  });
};
CompressionCodecs[CompressionTypes.Snappy] = fetched('kafkajs-snappy');
const lz4 = fetched('lz4-napi');
plug(CompressionTypes.LZ4, lz4.compressFrameSync, lz4.decompressFrameSync);
const zstdReady = new Promise((resolve) => {
  fetched('zstd-codec').ZstdCodec.run((zstd) => {
    const simple = new zstd.Simple();
    plug(CompressionTypes.ZSTD, (bytes) => simple.compress(bytes),
        (bytes) => simple.decompress(bytes));
    resolve();
  });
});

const kafka = new Kafka({brokers: [broker], logLevel: logLevel.ERROR, retry: {retries: 5}});

async function produce(topic, messages, {partition = 0, options = {}, compression} = {}) {
  const producer = kafka.producer(options);
  await producer.connect();
  const acks = await producer.send({
    topic, compression, acks: -1,
    messages: messages.map((message) => ({
      partition, ...(typeof message === 'string' ? {value: message} : message),
    })),
  });
  await producer.disconnect();
  return acks;
}

// A member of a group that reads a topic from its beginning.
async function startMember(topic, groupId, onMessage) {
  const consumer = kafka.consumer({groupId, sessionTimeout: 10_000, heartbeatInterval: 200,
    rebalanceTimeout: 10_000, maxBytesPerPartition: 10_000_000, maxWaitTimeInMs: 100});
  let assigned = 0;
  consumer.on(consumer.events.GROUP_JOIN, ({payload}) => {
    assigned = (payload.memberAssignment[topic] || []).length;
  });
  consumer.on(consumer.events.REBALANCING, () => { assigned = 0; });
  await consumer.connect();
  await consumer.subscribe({topic, fromBeginning: true});
  await consumer.run({eachMessage: async ({message}) => onMessage(message)});
  return {consumer, partitions: () => assigned};
}

// The first `count` messages of a topic, or of what follows `from`.
async function consume(topic, count, from) {
  const messages = [];
  const {consumer} = await startMember(topic, `reads-${topic}-${from}`, (message) => {
    if (from === undefined || Number(message.offset) >= from) messages.push(message);
  });
  if (from !== undefined) consumer.seek({topic, partition: 0, offset: String(from)});
  await until(() => messages.length >= count);
  await consumer.disconnect();
  return messages;
}

const text = (messages) => messages.map((message) => message.value.toString());

async function checkCodec(codec, compression) {
  await zstdReady;
  const values = numbered('v', 50).map((value) => value + ' compress me'.repeat(20));
  await produce(`codec-${codec}`, values, {compression});
  assert.deepEqual(text(await consume(`codec-${codec}`, 50)), values);
}

async function withAdmin(use) {
  const admin = kafka.admin();
  await admin.connect();
  await use(admin);
  await admin.disconnect();
}

main({
  produce: async () => {
    for (const partition of [0, 1]) {
      const [first] = await produce('produce', numbered('v', 100), {partition});
      const [second] = await produce('produce', ['v'], {partition});
      assert.deepEqual([first.baseOffset, second.baseOffset], ['0', '100']);
    }
  },
  group: () => checkGroup(async () => {
    const values = [];
    const {consumer, partitions} =
        await startMember('group', 'readers', (message) => values.push(message.value.toString()));
    return {values, partitions, stop: () => consumer.disconnect()};  // commits what it has read
  }, (partition, values) => produce('group', values, {partition})),
  'seek-offset': async () => {
    await produce('seek-offset', numbered('v', 20));
    assert.deepEqual(text(await consume('seek-offset', 13, 7)), numbered('v', 20).slice(7));
  },
  'seek-time': async () => {
    const begin = 1_700_000_000_000;
    await produce('seek-time', numbered('v', 20).map(
        (value, number) => ({value, timestamp: String(begin + 1000 * number)})));
    await withAdmin(async (admin) => {
      const found = await admin.fetchTopicOffsetsByTimestamp('seek-time', begin + 6001);
      assert.deepEqual(found, [{partition: 0, offset: '7'}]);
      const none = await admin.fetchTopicOffsetsByTimestamp('seek-time', begin + 20_000);
      assert.deepEqual(none, [{partition: 0, offset: '20'}]);
    });
  },
  'codec-none': () => checkCodec('none', CompressionTypes.None),
  'codec-gzip': () => checkCodec('gzip', CompressionTypes.GZIP),
  'codec-snappy': () => checkCodec('snappy', CompressionTypes.Snappy),
  'codec-lz4': () => checkCodec('lz4', CompressionTypes.LZ4),
  'codec-zstd': () => checkCodec('zstd', CompressionTypes.ZSTD),
  headers: async () => {
    await produce('headers', [{value: 'v', headers: {a: ['1', '2'], empty: ''}}]);
    const [{headers}] = await consume('headers', 1);
    assert.deepEqual(headers.a.map(String), ['1', '2']);
    assert.equal(String(headers.empty), '');
  },
  nulls: async () => {
    await produce('nulls', [{key: null, value: 'no key'}, {key: 'no value', value: null},
      {key: '', value: ''}]);
    const got = (await consume('nulls', 3)).map(({key, value}) => [key, value].map(
        (bytes) => (bytes === null ? null : bytes.toString())));
    assert.deepEqual(got, [[null, 'no key'], ['no value', null], ['', '']]);
  },
  large: async () => {
    const value = randomBytes(5 << 20);
    await produce('large', [{value}]);
    const [message] = await consume('large', 1);
    assert.ok(value.equals(message.value));
  },
  idempotence: async () => {
    const producer = kafka.producer({idempotent: true, maxInFlightRequests: 1});
    await producer.connect();
    for (let batch = 0; batch < 20; ++batch) {
      const [ack] = await producer.send({topic: 'idempotence', acks: -1,
        messages: numbered('v', 10).map((value) => ({value, partition: 0}))});
      assert.equal(ack.baseOffset, String(10 * batch));
    }
    await producer.disconnect();
  },
  topics: () => withAdmin(async (admin) => {
    assert.ok(await admin.createTopics({topics: [{topic: 'made', numPartitions: 3}]}));
    const {topics} = await admin.fetchTopicMetadata({topics: ['made']});
    assert.equal(topics[0].partitions.length, 3);
    await admin.deleteTopics({topics: ['made']});
    await until(async () => !(await admin.listTopics()).includes('made'));
  }),
  partitions: () => withAdmin(async (admin) => {
    await admin.createPartitions({topicPartitions: [{topic: 'partitions', count: 5}]});
    await until(async () => (await admin.fetchTopicMetadata({topics: ['partitions']}))
        .topics[0].partitions.length === 5);
  }),
  'delete-records': async () => {
    await produce('delete-records', numbered('v', 10));
    await withAdmin(async (admin) => {
      await admin.fetchTopicOffsets('delete-records');  // makes the client know the topic
      await admin.deleteTopicRecords(
          {topic: 'delete-records', partitions: [{partition: 0, offset: '6'}]});
      const [{low, high}] = await admin.fetchTopicOffsets('delete-records');
      assert.deepEqual([low, high], ['6', '10']);
    });
  },
  configs: () => withAdmin(async (admin) => {
    const topic = {type: 2, name: 'configs'};
    const retention = async () => {
      const {resources} = await admin.describeConfigs(
          {resources: [{...topic, configNames: ['retention.ms']}], includeSynonyms: false});
      return resources[0].configEntries[0].configValue;
    };
    assert.equal(await retention(), '604800000');
    await admin.alterConfigs({validateOnly: false, resources: [
      {...topic, configEntries: [{name: 'retention.ms', value: '3600000'}]}]});
    assert.equal(await retention(), '3600000');
  }),
  groups: async () => {
    await produce('groups', numbered('v', 10));
    let count = 0;
    const {consumer} = await startMember('groups', 'listed', () => { ++count; });
    await until(() => count === 10);
    await withAdmin(async (admin) => {
      const {groups} = await admin.listGroups();
      assert.ok(groups.some(({groupId}) => groupId === 'listed'));
      const described = await admin.describeGroups(['listed']);
      assert.deepEqual([described.groups[0].state, described.groups[0].members.length],
          ['Stable', 1]);
      await consumer.disconnect();
      const [{partitions}] = await admin.fetchOffsets({groupId: 'listed', topics: ['groups']});
      assert.equal(partitions[0].offset, '10');
    });
  },
});
