// Sends the nested spans and the latency histogram of one small web service with the OpenTelemetry Go SDK, over HTTP with
// gzip and an Authorization header, and prints what was sent, as JSON.
//
// usage: clienttest PORT TOKEN
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	statement = "SELECT t.id, t.title, t.done FROM tasks AS t WHERE t.owner = $1 ORDER BY t.created_at DESC LIMIT 50"
	requests  = 200
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	endpoint := "127.0.0.1:" + os.Args[1]
	headers := map[string]string{"Authorization": "Bearer " + os.Args[2]}
	res := resource.NewSchemaless(attribute.String("service.name", "tasks-go"))

	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure(),
		otlptracehttp.WithHeaders(headers), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	check(err)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(res))
	tracer := tracers.Tracer("tasks")
	ctx1, root := tracer.Start(ctx, "GET /api/tasks/", trace.WithSpanKind(trace.SpanKindServer))
	ctx2, handler := tracer.Start(ctx1, "list tasks")
	_, query := tracer.Start(ctx2, "SELECT tasks", trace.WithSpanKind(trace.SpanKindClient))
	query.SetAttributes(attribute.String("db.system", "postgresql"), attribute.String("db.statement", statement))
	query.SetStatus(codes.Error, "canceling statement due to user request")
	query.RecordError(fmt.Errorf("query canceled"))
	query.End()
	handler.End()
	root.End()
	check(tracers.Shutdown(ctx))

	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(endpoint), otlpmetrichttp.WithInsecure(),
		otlpmetrichttp.WithHeaders(headers), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	check(err)
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)), sdkmetric.WithResource(res))
	duration, err := meters.Meter("tasks").Float64Histogram("http.request.duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.1, 0.2, 0.4, 0.8))
	check(err)
	for i := range requests {
		duration.Record(ctx, 0.005*float64(i), metric.WithAttributes(attribute.String("route", "/api/tasks/")))
	}
	check(meters.ForceFlush(ctx))
	for i := range requests {
		duration.Record(ctx, 0.005*float64(i), metric.WithAttributes(attribute.String("route", "/api/tasks/")))
	}
	check(meters.Shutdown(ctx))
	out, err := json.Marshal(map[string]any{
		"trace": root.SpanContext().TraceID().String(), "statement": statement, "requests": 2 * requests,
	})
	check(err)
	fmt.Println(string(out))
}
