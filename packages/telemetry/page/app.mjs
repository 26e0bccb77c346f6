import { Chart, colorOf, History } from './charts.mjs';
import { fillAlert, fillPath, fillServer, fillSession, newAlert, newLine, newSession, Rows } from './lists.mjs';
import { Past } from './past.mjs';
import { rate, time } from './units.mjs';

const MAX_LINES = 200;
/** After this without a word the figures are old, and the page says so. */
const SILENT_MS = 3_000;
const RETRY_MS = 1_000;

/** @param {string} selector */
const find = (selector) => document.querySelector(selector);

const view = {
  summary: find('#summary'),
  link: find('#link'),
  chosen: find('#chosen'),
  list: find('#sessions [role=listbox]'),
  filter: find('#filter'),
  empty: find('#paths .empty'),
  table: find('#paths .scroll'),
  charts: find('#paths .charts'),
  log: find('#timeline ol'),
  alerts: find('#alerts'),
};
const sessions = new Rows(view.list, newSession);
const paths = new Rows(find('#paths tbody'), () => document.createElement('tr'));
const servers = new Rows(find('#servers tbody'), () => document.createElement('tr'));
const alerts = new Rows(find('#alerts ul'), newAlert);
const rates = new Chart(find('#rate-chart'), rate);
const trips = new Chart(find('#rtt-chart'), time);

const state = {
  overview: { total: 0, sessions: [], servers: [], alerts: [] },
  /** The session that is shown, and the one that the visitor chose. */
  shown: '',
  wanted: '',
  rate: new History(),
  rtt: new History(),
  names: new Map(),
  heardMs: 0,
  lastLine: 0,
};
let source;

function connect() {
  source?.close();
  source = new EventSource(`/events?session=${encodeURIComponent(state.wanted)}`);
  source.onmessage = ({ data }) => take(JSON.parse(data));
  source.onerror = () => {
    setLink('bad', 'no connection');
    // A server that ends the stream for good is asked again; the browser does so by itself for all else.
    if (source.readyState === EventSource.CLOSED) setTimeout(comeBack, RETRY_MS);
  };
}

/** The process may have been started anew with another token: the page asks for it. */
async function comeBack() {
  const answer = await fetch('/health').catch(() => undefined);
  if (answer?.status === 401) location.reload();
  else connect();
}

function take(message) {
  state.heardMs = performance.now();
  setLink('good', 'live');
  if (message.session !== state.shown) startOver(message.session);
  if (message.sessions !== undefined) {
    const { total, sessions: list, servers: ends, alerts: open } = message;
    state.overview = { total, sessions: list, servers: ends, alerts: open };
    showOverview();
  }
  showPaths(message.paths, message.time);
  for (const line of message.lines) addLine(line);
}

function startOver(session) {
  state.shown = session;
  state.rate = new History();
  state.rtt = new History();
  state.names.clear();
}

function showOverview() {
  const { total, sessions: list, servers: ends, alerts: open } = state.overview;
  const words = view.filter.value.trim().toLowerCase();
  const fits = (one) => words === '' || `${one.peer} ${one.id} ${one.role}`.toLowerCase().includes(words);
  sessions.show(
    list.filter(fits),
    ({ id }) => id,
    (row, session) => fillSession(row, session, session.id === state.shown),
  );
  view.list.setAttribute('aria-activedescendant', `session-${state.shown}`);
  servers.show(ends, ({ name }) => name, fillServer);
  alerts.show(open, ({ id }) => id, fillAlert);
  view.alerts.hidden = open.length === 0;
  const received = list.reduce((sum, one) => sum + one.receivedPerSecond, 0);
  const sent = list.reduce((sum, one) => sum + one.sentPerSecond, 0);
  const left = total > list.length ? `, ${list.length} shown` : '';
  view.summary.textContent = `${total} ${total === 1 ? 'session' : 'sessions'}${left} · ↓ ${rate(received)} · ↑ ${rate(sent)}`;
  const shown = list.find(({ id }) => id === state.shown);
  view.chosen.textContent = shown === undefined ? '' : `of ${shown.peer}, ${shown.role}`;
}

function showPaths(list, atMs) {
  const shown = list ?? [];
  view.empty.hidden = shown.length > 0;
  view.empty.textContent = state.shown === '' ? 'Nobody is connected.' : 'This session has no path.';
  view.table.hidden = shown.length === 0;
  view.charts.hidden = state.shown === '';
  paths.show(
    shown,
    ({ id }) => String(id),
    (row, path) => fillPath(row, path, colorOf(path.id)),
  );
  const connected = shown.filter(({ rttMs }) => rttMs > 0);
  for (const path of shown) state.names.set(path.id, path.server === '' ? path.address : path.server);
  const values = (read) => new Map(connected.map((path) => [path.id, read(path)]));
  state.rate.add(
    atMs / 1000,
    values((path) => path.receivedPerSecond + path.sentPerSecond),
  );
  state.rtt.add(
    atMs / 1000,
    values((path) => path.rttMs),
  );
  if (document.hidden || state.shown === '') return;
  const nameOf = (id) => state.names.get(id) ?? String(id);
  rates.draw(state.rate, nameOf);
  trips.draw(state.rtt, nameOf);
}

function addLine(line) {
  if (line.number <= state.lastLine) return;
  state.lastLine = line.number;
  view.log.prepend(newLine(line));
  while (view.log.children.length > MAX_LINES) view.log.lastElementChild.remove();
}

function setLink(kind, text) {
  if (view.link.textContent === text) return;
  view.link.dataset.kind = kind;
  view.link.textContent = text;
}

function choose(id) {
  if (id === undefined || id === state.shown) return;
  state.wanted = id;
  connect();
}

view.list.addEventListener('click', ({ target }) => choose(target.closest('[role=option]')?.dataset.id));
view.list.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const rows = [...view.list.children];
  const at = rows.findIndex(({ dataset }) => dataset.id === state.shown);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.scrollIntoView({ block: 'nearest' });
  choose(next?.dataset.id);
});
view.filter.addEventListener('input', showOverview);
new Past(find('#past'));
setInterval(() => {
  if (performance.now() - state.heardMs > SILENT_MS) setLink('bad', 'no connection');
}, 1000);
connect();
