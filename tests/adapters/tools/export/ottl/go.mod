module errnorm.test/ottl

go 1.25.0

require github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl v0.163.0
