import { Chart } from './charts.mjs';
import { dayAndTime, rate, time } from './units.mjs';

/** There is a new minute once a minute. */
const EVERY_MS = 60_000;

/** The charts of the last day, and of the last month. */
export class Past {
  #rates;
  #trips;
  #empty;
  #charts;
  #span;
  #shown;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#rates = new Chart(section.querySelector('#past-rate-chart'), rate, dayAndTime);
    this.#trips = new Chart(section.querySelector('#past-rtt-chart'), time, dayAndTime);
    this.#empty = section.querySelector('.empty');
    this.#charts = section.querySelector('.charts');
    this.#span = section.querySelector('#span');
    this.caption = section.querySelector('#past-rate-chart figcaption');
    this.#span.addEventListener('change', () => this.load());
    setInterval(() => this.load(), EVERY_MS);
    addEventListener('resize', () => this.#draw());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.load();
  }

  async load() {
    const span = this.#span.value;
    const answer = await fetch(`/history?span=${span}`).catch(() => undefined);
    if (answer?.ok !== true || span !== this.#span.value) return;
    this.#shown = await answer.json();
    const isMonth = span === 'month';
    this.caption.textContent = `Rate by the ${isMonth ? 'hour' : 'minute'}, both directions`;
    this.#empty.textContent = `Nothing yet: the first ${isMonth ? 'hour' : 'minute'} is not over.`;
    this.#draw();
  }

  #draw() {
    if (this.#shown === undefined) return;
    const { times, servers } = this.#shown;
    this.#empty.hidden = times.length > 0;
    this.#charts.hidden = times.length === 0;
    if (times.length === 0) return;
    const ids = servers.map((_server, index) => index);
    const nameOf = (index) => servers[index].name;
    this.#rates.draw({ ids, data: [times, ...servers.map((server) => server.rate)] }, nameOf);
    this.#trips.draw({ ids, data: [times, ...servers.map((server) => server.rtt)] }, nameOf);
  }
}
