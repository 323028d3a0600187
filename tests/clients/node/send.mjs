// Sends known telemetry with the OpenTelemetry Node SDK's JSON exporters and prints what was sent, as JSON.
// usage: send.mjs PORT SERVICE      (ICECORE_TEST_NODE_MODULES names the folder with node_modules)
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.ICECORE_TEST_NODE_MODULES ?? process.cwd()}/package.json`);
const { context, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-http');
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-http');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');

const [port, service] = process.argv.slice(2);
const resource = resourceFromAttributes({ 'service.name': service, 'process.pid': process.pid });
const url = (signal) => ({ url: `http://127.0.0.1:${port}/v1/${signal}`, compression: 'gzip' });

const tracers = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(url('traces')))] });
const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(url('metrics')), exportIntervalMillis: 3_600_000 })],
});
const loggers = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(url('logs')) })],
});

const tracer = tracers.getTracer('node-test', '2.0');
for (let i = 0; i < 40; i++) {
  const root = tracer.startSpan('POST /order', { kind: SpanKind.SERVER, attributes: { n: i, big: 9007199254740991, half: 0.5, list: [1, 2] } });
  const child = tracer.startSpan('publish', { kind: SpanKind.PRODUCER }, trace.setSpan(context.active(), root));
  child.addEvent('sent', { bytes: 10 * i });
  if (i % 8 === 0) child.setStatus({ code: SpanStatusCode.ERROR, message: 'full' });
  child.end();
  root.end();
}
const orders = meters.getMeter('node-test').createCounter('orders', { unit: '{order}' });
for (let i = 0; i < 25; i++) orders.add(2, { shop: i % 2 ? 'a' : 'b' });
const logger = loggers.getLogger('node-test');
for (let i = 0; i < 30; i++) logger.emit({ severityNumber: SeverityNumber.WARN, body: `order ${i}`, attributes: { i } });

await tracers.shutdown();
await meters.shutdown();
await loggers.shutdown();
console.log(JSON.stringify({ spans: 80, errors: 5, orders: 50, logs: 30 }));
