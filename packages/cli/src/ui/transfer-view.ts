import type { PathStateName } from '@kwik/session';
import type { ServerTotal } from '../progress/server-totals.js';
import type { TransferState } from '../progress/transfer-meter.js';
import { drawBar } from './bar.js';
import { paint, type Paint, type Style } from './style.js';
import { columnsOf, fit, oneLine } from './text.js';
import { formatBytes, formatPercent, formatRate, formatSeconds } from './units.js';

export interface TransferView {
  readonly title: string;
  readonly transfer: TransferState;
  readonly servers: readonly ServerTotal[];
  /** How a server is called. Default: its address. */
  readonly nameOf?: (server: ServerTotal) => string;
  /** Said at the end of the first line, such as a count of files. */
  readonly note?: string;
}

/** Columns below which the numbers alone are shown, and the longest bar that still helps. */
const MIN_BAR_COLUMNS = 6;
const MAX_BAR_COLUMNS = 40;
const MAX_NAME_COLUMNS = 28;
const RATE_COLUMNS = 13;
const SIZE_COLUMNS = 8;
const STATE_COLUMNS = 10;
const GAP = '  ';

const STATES: Record<PathStateName, { readonly word: string; readonly color: Paint }> = {
  connecting: { word: 'connecting', color: 'yellow' },
  validating: { word: 'connecting', color: 'yellow' },
  active: { word: 'active', color: 'green' },
  degraded: { word: 'slow', color: 'yellow' },
  suspected: { word: 'silent', color: 'yellow' },
  draining: { word: 'leaving', color: 'yellow' },
  dead: { word: 'dead', color: 'red' },
  recovering: { word: 'recovering', color: 'yellow' },
  suspended: { word: 'paused', color: 'yellow' },
};

/** The lines of the live view: the whole, then one line per server. None is wider than `columns`. */
export function renderTransfer(view: TransferView, columns: number, style: Style): string[] {
  const names = view.servers.map((server) => oneLine(view.nameOf?.(server) ?? server.server));
  const nameColumns = Math.min(MAX_NAME_COLUMNS, Math.max(5, ...names.map(columnsOf)), Math.max(8, columns - 30));
  const rows = view.servers.map((server, index) => {
    return serverRow(server, {
      name: fit(names[index] ?? '', nameColumns),
      total: view.transfer.totalBytes,
      columns,
      style,
    });
  });
  return [wholeRow(view, nameColumns, columns, style), ...rows];
}

/** One line without a bar, for logs and pipes. */
export function renderPlain(view: TransferView): string {
  const { transfer } = view;
  const servers = view.servers.map((server) => {
    const name = oneLine(view.nameOf?.(server) ?? server.server);
    return `${name} ${server.state === 'active' ? formatRate(server.rate) : STATES[server.state].word}`;
  });
  const note = view.note === undefined ? '' : `  ${view.note}`;
  return `${oneLine(view.title)}  ${formatPercent(fractionOf(transfer))}  ${formatRate(transfer.rate)}  (${servers.join(', ')})${note}`;
}

function wholeRow(view: TransferView, nameColumns: number, columns: number, style: Style): string {
  const { transfer } = view;
  const fraction = fractionOf(transfer);
  const remaining = transfer.remainingMs === undefined ? '' : `${formatSeconds(transfer.remainingMs)} left`;
  const cells = [
    { text: formatPercent(fraction).padStart(5), rank: 4 },
    { text: `${formatBytes(transfer.doneBytes)} of ${formatBytes(transfer.totalBytes)}`, rank: 2 },
    { text: formatRate(transfer.rate), rank: 3 },
    { text: view.note ?? remaining, rank: 1 },
  ];
  return assemble({
    name: fit(oneLine(view.title), nameColumns),
    paintName: 'bold',
    fraction,
    cells,
    columns,
    style,
    color: 'cyan',
  });
}

interface RowContext {
  readonly name: string;
  readonly total: number;
  readonly columns: number;
  readonly style: Style;
}

function serverRow(server: ServerTotal, { name, total, columns, style }: RowContext): string {
  const { word, color } = STATES[server.state];
  const cells: Cell[] = [
    { text: formatPercent(server.share).padStart(5), rank: 2 },
    { text: formatBytes(server.bytes).padStart(SIZE_COLUMNS), rank: 1 },
    { text: formatRate(server.rate).padStart(RATE_COLUMNS), rank: 3 },
    { text: word.padEnd(STATE_COLUMNS), rank: 4, paint: color },
  ];
  return assemble({ name, fraction: total === 0 ? 0 : server.bytes / total, cells, columns, style, color });
}

interface Cell {
  readonly text: string;
  /** In a narrow terminal the cell of the lowest rank goes first. */
  readonly rank: number;
  readonly paint?: Paint;
}

interface Row {
  readonly name: string;
  readonly paintName?: Paint;
  readonly fraction: number;
  readonly cells: readonly Cell[];
  readonly columns: number;
  readonly style: Style;
  /** Of the bar. */
  readonly color: Paint;
}

/** Name, bar, cells. The bar takes what the cells leave, and is left out where that is too little. */
function assemble({ name, paintName, fraction, cells, columns, style, color }: Row): string {
  const room = columns - columnsOf(name);
  const kept = fittingCells(cells, room);
  const barColumns = Math.min(MAX_BAR_COLUMNS, room - 2 - columnsOfCells(kept));
  const parts = [paint(style, name, paintName)];
  if (barColumns >= MIN_BAR_COLUMNS) {
    const { filled, rest } = drawBar(fraction, barColumns, style);
    parts.push(paint(style, filled, color) + paint(style, rest, 'dim'));
  }
  return [...parts, ...kept.map((cell) => paint(style, cell.text, cell.paint))].join(GAP);
}

function fittingCells(cells: readonly Cell[], room: number): readonly Cell[] {
  let kept = cells.filter(({ text }) => text !== '');
  while (kept.length > 0 && columnsOfCells(kept) > room) {
    const lowest = Math.min(...kept.map(({ rank }) => rank));
    kept = kept.filter(({ rank }) => rank !== lowest);
  }
  return kept;
}

function columnsOfCells(cells: readonly Cell[]): number {
  return cells.reduce((sum, { text }) => sum + GAP.length + columnsOf(text), 0);
}

function fractionOf({ doneBytes, totalBytes }: TransferState): number {
  return totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes);
}
