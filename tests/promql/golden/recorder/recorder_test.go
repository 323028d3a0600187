// Package recorder asks a Prometheus engine the queries of a file over the data of a script and writes its answers down.
package recorder

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// question is one query; a step of zero is an instant. Times are milliseconds.
type question struct {
	Query            string `json:"query"`
	Start, End, Step int64
}

type series struct {
	Labels map[string]string `json:"labels"`
	Points [][2]string       `json:"points"`
}

type answer struct {
	question
	Error  string   `json:"error,omitempty"`
	Type   string   `json:"type,omitempty"`
	Series []series `json:"series"`
	Warn   []string `json:"warn,omitempty"`
	Info   []string `json:"info,omitempty"`
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func point(t int64, v float64) [2]string {
	return [2]string{strconv.FormatInt(t, 10), number(v)}
}

func TestRecord(t *testing.T) {
	script, err := os.ReadFile(os.Getenv("SCRIPT"))
	if err != nil {
		t.Fatal(err)
	}
	storage := promqltest.LoadedStorage(t, string(script))
	defer storage.Close()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  time.Minute,
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		Parser: parser.NewParser(parser.Options{
			EnableExperimentalFunctions: true,
			EnableBinopFillModifiers:    true,
		}),
	})
	in, err := os.Open(os.Getenv("QUERIES"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(os.Getenv("ANSWERS"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		got := answer{}
		if err := json.Unmarshal(lines.Bytes(), &got.question); err != nil {
			t.Fatal(err)
		}
		ask(&got, func() (promql.Query, error) {
			start := time.UnixMilli(got.Start)
			if got.Step == 0 {
				return engine.NewInstantQuery(context.Background(), storage, nil, got.Query, start)
			}
			step := time.Duration(got.Step) * time.Millisecond
			return engine.NewRangeQuery(context.Background(), storage, nil, got.Query, start, time.UnixMilli(got.End), step)
		})
		if err := encoder.Encode(got); err != nil {
			t.Fatal(err)
		}
	}
}

func ask(got *answer, query func() (promql.Query, error)) {
	asked, err := query()
	if err != nil {
		got.Error = err.Error()
		return
	}
	defer asked.Close()
	result := asked.Exec(context.Background())
	if result.Err != nil {
		got.Error = result.Err.Error()
		return
	}
	got.Type = string(result.Value.Type())
	got.Warn, got.Info = result.Warnings.AsStrings("", 0, 0)
	add := func(labels map[string]string, points ...[2]string) {
		got.Series = append(got.Series, series{labels, points})
	}
	switch value := result.Value.(type) {
	case promql.Scalar:
		add(map[string]string{}, point(value.T, value.V))
	case promql.String:
		add(map[string]string{}, [2]string{strconv.FormatInt(value.T, 10), value.V})
	case promql.Vector:
		for _, sample := range value {
			add(sample.Metric.Map(), point(sample.T, sample.F))
		}
	case promql.Matrix:
		for _, row := range value {
			var points [][2]string
			for _, sample := range row.Floats {
				points = append(points, point(sample.T, sample.F))
			}
			add(row.Metric.Map(), points...)
		}
	}
}
