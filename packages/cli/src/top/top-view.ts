import { paint, type Paint, type Style } from '../ui/style.js';
import { cutTo, fit, oneLine, wrapped } from '../ui/text.js';
import { formatPercent, formatRate } from '../ui/units.js';
import type { AdminState } from './admin-client.js';

const MAX_SESSIONS = 8;
const MAX_LINES = 6;

/** What `kwik top` shows: sessions, the paths of one, alerts, and what happened last. What peers say is made harmless. */
export function topLines(state: AdminState, style: Style, width: number): string[] {
  const { total, sessions, paths, alerts, lines } = state;
  const received = sessions.reduce((sum, one) => sum + one.receivedPerSecond, 0);
  const sent = sessions.reduce((sum, one) => sum + one.sentPerSecond, 0);
  return [
    paint(style, cutTo(`${total} ${total === 1 ? 'session' : 'sessions'}, ${traffic(received, sent)}`, width), 'bold'),
    ...alerts.flatMap((alert) => {
      const [first = '', ...rest] = wrapped(`  ${oneLine(`${alert.title}: ${alert.now}. ${alert.action}`)}`, width);
      const color = alert.severity === 'critical' ? 'red' : 'yellow';
      return [`!${first.slice(1)}`, ...rest].map((line) => paint(style, cutTo(line, width), color));
    }),
    '',
    ...sessions
      .slice(0, MAX_SESSIONS)
      .flatMap((session) => sessionLines(session, session.id === state.session, style, width)),
    ...(total > MAX_SESSIONS ? [paint(style, `  and ${total - MAX_SESSIONS} more`, 'dim')] : []),
    '',
    paint(style, pathColumns(['path', 'state', 'receives', 'sends', 'share', 'rtt', 'loss'], width), 'dim'),
    ...paths.flatMap((path) => pathLines(path, style, width)),
    '',
    ...lines.slice(-MAX_LINES).flatMap((line) => eventLines(line, style, width)),
  ];
}

type Session = AdminState['sessions'][number];

function sessionLines(session: Session, isShown: boolean, style: Style, width: number): string[] {
  const { id, role, worker, peer, active, paths, service, serviceReason, receivedPerSecond, sentPerSecond } = session;
  const mark = isShown ? '>' : ' ';
  const place = worker === undefined ? '' : ` worker ${worker} `;
  const about = `${fit(role, 9)}${place} ${id.slice(0, 8)}  ${active}/${paths} paths`;
  const text = `${mark} ${fit(oneLine(peer), 24)} ${about}  ${traffic(receivedPerSecond, sentPerSecond)}`;
  const line = paint(style, cutTo(text, width), active === 0 ? 'red' : active < paths ? 'yellow' : undefined);
  if (service === 'full') return [line];
  const why = oneLine(`${service} service: ${serviceReason}`);
  return [line, paint(style, cutTo(`    ${why}`, width), service === 'none' ? 'red' : 'yellow')];
}

function pathLines(path: AdminState['paths'][number], style: Style, width: number): string[] {
  const { server, address, flow, state } = path;
  const why = whyOf(path);
  const shown = flow === 'steady' ? state : flow;
  const figures = [
    formatRate(path.receivedPerSecond),
    formatRate(path.sentPerSecond),
    formatPercent(path.share),
    `${path.rttMs.toFixed(path.rttMs < 100 ? 1 : 0)} ms`,
    formatPercent(path.lossRate),
  ];
  // One without a connection has none.
  const columns = [oneLine(server === '' ? address : server), shown, ...(path.rttMs > 0 ? figures : [])];
  const line = paint(style, pathColumns(columns, width), COLOR_OF[shown] ?? 'yellow');
  if (why === '') return [line];
  return [line, ...wrapped(`    ${oneLine(why)}`, width).map((text) => paint(style, cutTo(text, width), 'dim'))];
}

/** Why it gets nothing, or else why it is not simply well. */
function whyOf({ unused, state, reason }: AdminState['paths'][number]): string {
  return unused === '' && state !== 'active' ? reason : unused;
}

const COLOR_OF: Readonly<Record<string, Paint>> = {
  active: 'green',
  dead: 'red',
  suspected: 'red',
  suspended: 'dim',
  draining: 'dim',
};

/** Name and state are as long as they are; figures stand below each other. */
function pathColumns([path = '', state = '', ...figures]: readonly string[], width: number): string {
  const aligned = figures.map((figure, index) => figure.padStart(FIGURE_COLUMNS[index] ?? 0));
  return cutTo(`  ${fit(path, 22)} ${fit(state, 10)}${aligned.join(' ')}`, width);
}

const FIGURE_COLUMNS = [11, 11, 5, 8, 5];

function eventLines({ time, level, message }: AdminState['lines'][number], style: Style, width: number): string[] {
  const at = new Date(time).toTimeString().slice(0, 8);
  const color = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : undefined;
  const [first = '', ...rest] = wrapped(`${' '.repeat(at.length + 1)}${oneLine(message)}`, width);
  return [at + first.slice(at.length), ...rest].map((text) => paint(style, cutTo(text, width), color));
}

function traffic(received: number, sent: number): string {
  return `in ${formatRate(received)}, out ${formatRate(sent)}`;
}
