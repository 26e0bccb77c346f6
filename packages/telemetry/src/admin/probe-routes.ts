import type { PrometheusMetrics } from '../metrics/prometheus.js';
import { answer, type AdminRoute, type HealthCheck } from './admin-server.js';

/** For Prometheus, and for whoever asks whether the process is well. */
export function probeRoutes(prometheus: PrometheusMetrics, health: HealthCheck): Readonly<Record<string, AdminRoute>> {
  return {
    '/metrics': async (_request, response) => {
      const text = await prometheus.text();
      response.writeHead(200, { 'Content-Type': prometheus.contentType }).end(text);
    },
    '/health': (_request, response) => {
      const problems = health();
      const body = JSON.stringify({ status: problems.length === 0 ? 'ok' : 'failing', problems });
      answer(response, problems.length === 0 ? 200 : 503, `${body}\n`, 'application/json');
    },
  };
}
