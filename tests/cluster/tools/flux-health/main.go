// What Flux's own evaluator makes of an object: reads a file with {"expressions": {current, failed, inProgress},
// "object": {…}} and prints kstatus' word.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Expressions kustomize.HealthCheckExpressions `json:"expressions"`
	Object      json.RawMessage                  `json:"object"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: flux-health FILE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var asked question
	if err := json.Unmarshal(text, &asked); err != nil {
		log.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		log.Fatal(err)
	}
	evaluator, err := cel.NewStatusEvaluator(&asked.Expressions)
	if err != nil {
		log.Fatal(err)
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Status)
}
