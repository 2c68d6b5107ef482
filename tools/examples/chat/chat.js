// The room is a topic: its last hundred records are the history, new ones the conversation.
//
// A message has an id of its own. It is shown as pending at once and as sent when the server says
// that it is durable. When the connection is lost before that, nobody knows whether it was written:
// it is published again, and every reader passes over an id that it has seen.
import {Duolog} from '../../sdk/js/duolog.js';

const server = new URLSearchParams(location.search).get('server') ?? '127.0.0.1:8080';
const form = document.getElementById('form');
const list = document.getElementById('messages');
const items = new Map();  // by message id

const duolog = new Duolog(`ws://${server}/v1/ws`, {
  onState: (state, why) => {
    const element = document.getElementById('state');
    element.dataset.state = state;
    element.textContent = state === 'open' ? 'live' : why || state;
  },
});

duolog.subscribe('chat', {
  from: '-100',
  onRecord: ({value, timestamp}) => {
    const message = JSON.parse(value);
    const item = items.get(message.id) ?? show(message);
    mark(item, 'sent', new Date(timestamp).toLocaleTimeString());
  },
  onGap: ({from, to}) => show({id: `gap${from}`, name: '', text: `${to - from} messages are gone`}),
  onError: ({message}) => show({id: 'error', name: '', text: message}),
});

form.elements.name.value = localStorage.getItem('name') ?? '';
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const {name, text} = form.elements;
  localStorage.setItem('name', name.value);
  send({id: crypto.randomUUID(), name: name.value, text: text.value});
  text.value = '';
});

async function send(message) {
  const item = show(message);
  mark(item, 'pending', 'sending');
  const record = {key: message.name, value: JSON.stringify(message)};
  while (!item.classList.contains('sent')) {
    try {
      await duolog.publish('chat', [record], {ack: 'durable'});
      return mark(item, 'sent', new Date().toLocaleTimeString());
    } catch (error) {
      if (!error.lost) return mark(item, 'failed', error.message);
    }
  }
}

function show({id, name, text}) {
  const item = document.createElement('li');
  for (const [tag, content] of [['b', name], ['span', text], ['small', '']]) {
    item.appendChild(document.createElement(tag)).textContent = content;
  }
  list.append(item);
  item.scrollIntoView();
  items.set(id, item);
  return item;
}

function mark(item, state, note) {
  item.className = state;
  item.lastChild.textContent = note;
}
