// Runs statements of the OpenTelemetry Collector's transformation language on the bodies of log records: JSON in, JSON out.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

func main() {
	var given struct{ Statements, Bodies []string }
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	settings := component.TelemetrySettings{Logger: zap.NewNop()}
	parser, err := ottllog.NewParser(ottlfuncs.StandardFuncs[*ottllog.TransformContext](), settings)
	if err != nil {
		log.Fatal(err)
	}
	statements, err := parser.ParseStatements(given.Statements)
	if err != nil {
		log.Fatal(err)
	}
	sequence := ottllog.NewStatementSequence(statements, settings, ottllog.WithStatementSequenceErrorMode(ottl.IgnoreError))
	found := []map[string]any{}
	for _, body := range given.Bodies {
		resource := plog.NewResourceLogs()
		scope := resource.ScopeLogs().AppendEmpty()
		record := scope.LogRecords().AppendEmpty()
		record.Body().SetStr(body)
		if err := sequence.Execute(context.Background(), ottllog.NewTransformContext(resource, scope, record)); err != nil {
			log.Fatal(err)
		}
		found = append(found, record.Attributes().AsRaw())
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}
