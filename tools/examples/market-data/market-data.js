// A row for each symbol, which every record about it updates.
import {Duolog} from '../../sdk/js/duolog.js';

const server = new URLSearchParams(location.search).get('server') ?? '127.0.0.1:8080';
const element = (id) => document.getElementById(id);
const rows = new Map();  // by symbol

const duolog = new Duolog(`ws://${server}/v1/ws`, {
  onState: (state, why) => {
    element('state').dataset.state = state;
    element('state').textContent = state === 'open' ? 'live' : why || state;
    if (state === 'open') add('connections', 1);
  },
});

duolog.subscribe('quotes', {
  from: '-200',  // enough to fill the table
  onRecord: ({key, value, timestamp}) => {
    show(key, JSON.parse(value), timestamp);
    add('count', 1);
  },
  onGap: ({from, to}) => add('missed', Number(to) - Number(from)),
  onError: ({message}) => { element('state').textContent = message; },
});

function show(symbol, {bid, ask, size}, timestamp) {
  const row = rows.get(symbol) ?? addRow(symbol);
  row.className = bid > row.bid ? 'up' : bid < row.bid ? 'down' : '';
  row.bid = bid;
  const texts = [bid.toFixed(2), ask.toFixed(2), size, new Date(timestamp).toLocaleTimeString()];
  texts.forEach((text, i) => { row.cells[i + 1].textContent = text; });
  clearTimeout(row.fade);
  row.fade = setTimeout(() => { row.className = ''; }, 400);
}

function addRow(symbol) {
  const before = [...rows.keys()].sort().find((other) => other > symbol);
  const row = document.createElement('tr');
  for (const kind of ['symbol', 'price', 'price', 'size', 'time']) {
    row.insertCell().className = kind;
  }
  row.cells[0].textContent = symbol;
  element('quotes').insertBefore(row, rows.get(before) ?? null);
  rows.set(symbol, row);
  return row;
}

function add(id, count) {
  element(id).textContent = Number(element(id).textContent) + count;
}
