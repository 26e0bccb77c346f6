import { clock, count, duration, percent, rate, size, time } from './units.mjs';

/** Whatever comes from the network enters the page as text, never as markup. */

/**
 * @param {string} tag
 * @param {{ class?: string, text?: string }} [options]
 */
function make(tag, { class: name = '', text = '' } = {}) {
  const element = document.createElement(tag);
  if (name !== '') element.className = name;
  element.textContent = text;
  return element;
}

/** @param {Node} element @param {string} text Touches the page only for what is new. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Rows by key: kept, made, or taken away, so that focus and selection stay. */
export class Rows {
  #rows = new Map();

  /** @param {Element} parent @param {() => HTMLElement} create */
  constructor(parent, create) {
    this.parent = parent;
    this.create = create;
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @param {(item: T) => string} keyOf
   * @param {(row: HTMLElement, item: T) => void} fill
   */
  show(items, keyOf, fill) {
    const kept = new Map();
    let next = this.parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const row = this.#rows.get(key) ?? this.create();
      kept.set(key, row);
      if (row === next) next = next.nextElementSibling;
      else this.parent.insertBefore(row, next);
      fill(row, item);
    }
    for (const [key, row] of this.#rows) if (!kept.has(key)) row.remove();
    this.#rows = kept;
  }
}

const WITHOUT_CONNECTION = new Set(['connecting', 'validating', 'recovering', 'dead']);

const KIND_OF_STATE = {
  active: 'good',
  degraded: 'warn',
  suspected: 'bad',
  draining: 'idle',
  suspended: 'idle',
  dead: 'bad',
};

function cells(row, number) {
  while (row.children.length < number) row.append(make('td'));
  return row.children;
}

/** @param {HTMLElement} row */
export function fillPath(row, path, color) {
  const all = cells(row, 10);
  const name = path.server === '' ? path.address : path.server;
  if (all[0].children.length === 0) {
    all[0].append(make('span', { class: 'swatch' }), make('span', { class: 'name' }), make('span', { class: 'small' }));
    all[1].append(make('span', { class: 'chip' }), make('span', { class: 'why' }));
    for (let index = 2; index < all.length; index++) all[index].className = 'number';
  }
  all[0].children[0].style.background = color;
  setText(all[0].children[1], name);
  setText(
    all[0].children[2],
    `${path.id}${path.primary ? ', primary' : ''}${name === path.address ? '' : ` · ${path.address}`}`,
  );
  const shown = path.flow === 'steady' ? path.state : path.flow;
  all[1].children[0].dataset.kind = path.flow === 'steady' ? (KIND_OF_STATE[path.state] ?? 'idle') : 'warn';
  setText(all[1].children[0], shown);
  // Why it gets nothing, or else why it is not simply well.
  setText(all[1].children[1], path.unused === '' && path.state !== 'active' ? path.reason : path.unused);
  // Nor has a path of others, such as that between a client and another server of its session.
  const isConnected = path.rttMs > 0 && !WITHOUT_CONNECTION.has(path.state);
  const figures = [
    isConnected ? rate(path.receivedPerSecond) : '',
    isConnected ? rate(path.sentPerSecond) : '',
    isConnected ? percent(path.share) : '',
    isConnected ? time(path.rttMs) : '',
    isConnected ? time(path.minRttMs) : '',
    isConnected ? percent(path.lossRate) : '',
    isConnected ? size(path.windowBytes) : '',
    isConnected ? count(path.keyPackets) : '',
  ];
  figures.forEach((text, index) => setText(all[index + 2], text));
}

export function fillServer(row, server) {
  const all = cells(row, 4);
  for (let index = 2; index < all.length; index++) all[index].className = 'number';
  setText(all[0], server.name);
  all[0].className = 'name';
  if (all[1].children.length === 0) all[1].append(make('span', { class: 'chip' }));
  all[1].children[0].dataset.kind = server.active === server.paths ? 'good' : server.active > 0 ? 'warn' : 'bad';
  setText(all[1].children[0], `${server.active}/${server.paths} well`);
  if (all[2].children.length === 0) all[2].append(make('span'), make('span', { class: 'small' }));
  setText(all[2].children[0], time(server.rttMs));
  setText(all[2].children[1], server.lossRate > 0 ? `${percent(server.lossRate)} lost` : '');
  setText(all[3], rate(server.receivedPerSecond));
}

export function newSession() {
  const row = make('div', { class: 'session' });
  row.setAttribute('role', 'option');
  row.append(
    make('span', { class: 'name' }),
    make('span', { class: 'chip' }),
    make('span', { class: 'small' }),
    make('span', { class: 'number small' }),
  );
  return row;
}

export function fillSession(row, session, isChosen) {
  row.id = `session-${session.id}`;
  row.dataset.id = session.id;
  row.setAttribute('aria-selected', String(isChosen));
  const [name, chip, about, speed] = row.children;
  setText(name, session.peer);
  chip.dataset.kind =
    session.active === session.paths && session.paths > 0 ? 'good' : session.active > 0 ? 'warn' : 'bad';
  setText(chip, `${session.active}/${session.paths} paths`);
  const worker = session.worker === undefined ? '' : ` · worker ${session.worker}`;
  setText(
    about,
    `${session.role}${worker} · ${session.id.slice(0, 8)} · ${session.streams} ${session.streams === 1 ? 'stream' : 'streams'} · ${duration(session.ageMs)}`,
  );
  setText(speed, `↓ ${rate(session.receivedPerSecond)}  ↑ ${rate(session.sentPerSecond)}`);
}

export function newLine(line) {
  const row = make('li', { class: 'line' });
  row.dataset.level = line.level;
  const at = make('time', { text: clock(line.time) });
  row.append(at, make('span', { class: 'level', text: line.level }), make('span', { text: line.message }));
  return row;
}

export function newAlert() {
  const row = make('li', { class: 'alert' });
  row.append(make('strong'), make('span'), make('span', { class: 'small' }));
  return row;
}

export function fillAlert(row, alert) {
  row.dataset.kind = alert.severity === 'critical' ? 'bad' : 'warn';
  setText(row.children[0], alert.title);
  setText(row.children[1], `${alert.now} (normal: ${alert.normal}). ${alert.cause}`);
  setText(row.children[2], `since ${clock(alert.since)} · ${alert.action}`);
}
