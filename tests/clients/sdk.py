"""Sends known telemetry with the OpenTelemetry Python SDK and prints what was sent, as JSON.

usage: sdk.py grpc|http PORT SERVICE
"""

import json
import logging
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

SPANS = 120
LOGS = 90
REQUESTS = 50


def exporters(transport, port):
    """The three exporters of one transport, gzip on."""
    if transport == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        options = {"endpoint": f"127.0.0.1:{port}", "insecure": True, "compression": Compression.Gzip}
        return OTLPSpanExporter(**options), OTLPMetricExporter(**options), OTLPLogExporter(**options)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    base = f"http://127.0.0.1:{port}/v1/"
    return (
        OTLPSpanExporter(endpoint=base + "traces", compression=Compression.Gzip),
        OTLPMetricExporter(endpoint=base + "metrics", compression=Compression.Gzip),
        OTLPLogExporter(endpoint=base + "logs", compression=Compression.Gzip),
    )


def main():
    transport, port, service = sys.argv[1:4]
    resource = Resource.create(
        {"service.name": service, "service.instance.id": "one", "host.name": "h1", "deployment.environment.name": "test"}
    )
    span_exporter, metric_exporter, log_exporter = exporters(transport, port)
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(span_exporter, max_export_batch_size=50))
    meters = MeterProvider(
        resource=resource,
        metric_readers=[PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)],
    )
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(log_exporter, max_export_batch_size=40))

    tracer = tracers.get_tracer("sdk-test", "1.0")
    trace_ids = set()
    for i in range(SPANS // 2):
        with tracer.start_as_current_span(f"GET /api/{i % 3}", kind=SpanKind.SERVER) as root:
            root.set_attribute("http.status_code", 200 + i % 2 * 300)
            trace_ids.add(format(root.get_span_context().trace_id, "032x"))
            with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT) as child:
                child.set_attribute("db.statement", "select * from tasks where id = $1")
                child.add_event("row", {"n": i})
                if i % 10 == 0:
                    child.set_status(Status(StatusCode.ERROR, "deadlock"))

    meter = meters.get_meter("sdk-test")
    requests = meter.create_counter("http.requests", unit="1")
    latency = meter.create_histogram("http.latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 0.5, 1.0])
    level = meter.create_up_down_counter("queue.level")
    for i in range(REQUESTS):
        requests.add(1, {"route": f"/r{i % 2}"})
        latency.record(0.05 * (i % 30), {"route": f"/r{i % 2}"})
        level.add(1 if i % 3 else -1)

    from opentelemetry._logs import LogRecord

    logger = loggers.get_logger("sdk-test")
    for i in range(LOGS):
        now = time.time_ns()
        logger.emit(
            LogRecord(
                timestamp=now,
                observed_timestamp=now,
                severity_number=SeverityNumber.ERROR if i % 9 == 0 else SeverityNumber.INFO,
                severity_text="ERROR" if i % 9 == 0 else "INFO",
                body=f"task {i} needle{i:04}",
                attributes={"i": i, "ok": i % 2 == 0, "ratio": 1.0, "tags": ["a", "b"]},
            )
        )
    tracers.shutdown()
    meters.shutdown()
    loggers.shutdown()
    print(
        json.dumps(
            {
                "spans": SPANS,
                "traces": len(trace_ids),
                "one_trace": sorted(trace_ids)[0],
                "error_spans": SPANS // 2 // 10,
                "logs": LOGS,
                "error_logs": LOGS // 9,
                "requests": REQUESTS,
                "latency_sum": round(sum(0.05 * (i % 30) for i in range(REQUESTS)), 6),
                "level": sum(1 if i % 3 else -1 for i in range(REQUESTS)),
            }
        )
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    main()
