import type { OpenMetricsContentType } from 'prom-client'

/** Here and not asked of the library, which a thread that only names it would load. */
export const metricsContentType: OpenMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
