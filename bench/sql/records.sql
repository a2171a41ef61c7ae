-- Records by hand: every mark of every class, from when to when.
--
-- The measures (q quantity, r rate per hour, l rate per labour hour, a attainment, s labour attainment) stay side by side until the marks are
-- found: one sort and five running bests for each stage. A mark of a wide scope is a mark of the narrower ones, and of its job, so each is
-- searched among the marks of a narrower one. Before the first sort most shifts are dropped: those that do not beat the bests of the
-- stretches of days before theirs, each twice as long as the one before. A key names a party, a site or (by its first site) an industry.
WITH measured AS (
  SELECT *, CASE better WHEN 'higher' THEN quantity::DOUBLE / hours::DOUBLE * 1e6 END AS y,
    CASE better WHEN 'higher' THEN quantity::DOUBLE / labour_hours::DOUBLE * 1e6 END AS z
  FROM judged WHERE status <> 'annulled'
), scored AS (
  SELECT entry, id, crew IS NOT NULL AS by_crew, job_key, site_key, party_key, industry_key, single, long, started, day, status,
    floor(log2(started::DATE - DATE '2023-12-30'))::INT AS stretch,
    CASE better WHEN 'higher' THEN quantity ELSE -quantity END AS q,
    CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(24,6) * hours > quantity THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS r,
    CASE WHEN abs(z - round(z)) > 0.001 THEN (floor(z) / 1e6)::DECIMAL(18,6)
      WHEN (round(z) / 1e6)::DECIMAL(24,6) * labour_hours > quantity THEN (round(z) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(z) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS l,
    attainment AS a, labour_attainment AS s
  FROM measured
), stretches AS MATERIALIZED (
  SELECT job_key, site_key, party_key, single, long, stretch, max(q) AS q, max(r) AS r, max(l) AS l, max(a) AS a, max(s) AS s
  FROM scored GROUP BY ALL
), earlier AS (
  SELECT job_key, site_key, party_key, single, long, stretch,
    coalesce(max(q) OVER before, -1e9::DECIMAL(18,6)) AS q, coalesce(max(r) OVER before, -1e9::DECIMAL(18,6)) AS r, coalesce(max(l) OVER before, -1e9::DECIMAL(18,6)) AS l, coalesce(max(a) OVER before, -1e9::DECIMAL(18,6)) AS a, coalesce(max(s) OVER before, -1e9::DECIMAL(18,6)) AS s
  FROM stretches WINDOW before AS (PARTITION BY job_key, site_key, party_key, single, long ORDER BY stretch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), earlier_at_site AS (
  SELECT job_key, site_key, single, long, stretch, coalesce(max(q) OVER before, -1e9::DECIMAL(18,6)) AS q, coalesce(max(r) OVER before, -1e9::DECIMAL(18,6)) AS r, coalesce(max(l) OVER before, -1e9::DECIMAL(18,6)) AS l, coalesce(max(a) OVER before, -1e9::DECIMAL(18,6)) AS a, coalesce(max(s) OVER before, -1e9::DECIMAL(18,6)) AS s
  FROM (SELECT job_key, site_key, single, long, stretch, max(q) AS q, max(r) AS r, max(l) AS l, max(a) AS a, max(s) AS s FROM stretches GROUP BY ALL)
  WINDOW before AS (PARTITION BY job_key, site_key, single, long ORDER BY stretch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), candidate AS MATERIALIZED (
  SELECT c.* FROM scored c JOIN earlier e USING (job_key, site_key, party_key, single, long, stretch)
  WHERE c.q > e.q OR c.r > e.r OR c.l > e.l OR c.a > e.a OR c.s > e.s
), narrow AS (
  SELECT * EXCLUDE (by_crew, stretch), 0 AS scope, party_key AS within FROM candidate WHERE NOT by_crew
  UNION ALL
  SELECT c.* EXCLUDE (by_crew, stretch), 1, site_key FROM candidate c JOIN earlier_at_site e USING (job_key, site_key, single, long, stretch)
  WHERE c.q > e.q OR c.r > e.r OR c.l > e.l OR c.a > e.a OR c.s > e.s
), narrow_best AS (
  SELECT *, max(q) OVER so_far AS q_best, max(r) OVER so_far AS r_best, max(l) OVER so_far AS l_best, max(a) OVER so_far AS a_best, max(s) OVER so_far AS s_best,
    coalesce(max(q) OVER before, -1e9::DECIMAL(18,6)) AS q_before, coalesce(max(r) OVER before, -1e9::DECIMAL(18,6)) AS r_before, coalesce(max(l) OVER before, -1e9::DECIMAL(18,6)) AS l_before, coalesce(max(a) OVER before, -1e9::DECIMAL(18,6)) AS a_before, coalesce(max(s) OVER before, -1e9::DECIMAL(18,6)) AS s_before
  FROM narrow WINDOW so_far AS (PARTITION BY within, job_key, single, long ORDER BY started),
    before AS (PARTITION BY within, job_key, single, long ORDER BY started RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)
), narrow_mark AS MATERIALIZED (
  SELECT * EXCLUDE (q_best, q_before, r_best, r_before, l_best, l_before, a_best, a_before, s_best, s_before)
    REPLACE (CASE WHEN q = q_best AND q > q_before THEN q END AS q, CASE WHEN r = r_best AND r > r_before THEN r END AS r, CASE WHEN l = l_best AND l > l_before THEN l END AS l, CASE WHEN a = a_best AND a > a_before THEN a END AS a, CASE WHEN s = s_best AND s > s_before THEN s END AS s)
  FROM narrow_best WHERE (q = q_best AND q > q_before) OR (r = r_best AND r > r_before) OR (l = l_best AND l > l_before) OR (a = a_best AND a > a_before) OR (s = s_best AND s > s_before)
), wide AS (
  SELECT * REPLACE (2 AS scope, industry_key AS within) FROM narrow_mark WHERE scope = 1
  UNION ALL SELECT * REPLACE (3 AS scope, -1 AS within) FROM narrow_mark WHERE scope = 1
), wide_best AS (
  SELECT *, max(q) OVER so_far AS q_best, max(r) OVER so_far AS r_best, max(l) OVER so_far AS l_best, max(a) OVER so_far AS a_best, max(s) OVER so_far AS s_best,
    coalesce(max(q) OVER before, -1e9::DECIMAL(18,6)) AS q_before, coalesce(max(r) OVER before, -1e9::DECIMAL(18,6)) AS r_before, coalesce(max(l) OVER before, -1e9::DECIMAL(18,6)) AS l_before, coalesce(max(a) OVER before, -1e9::DECIMAL(18,6)) AS a_before, coalesce(max(s) OVER before, -1e9::DECIMAL(18,6)) AS s_before
  FROM wide WINDOW so_far AS (PARTITION BY within, job_key, single, long ORDER BY started),
    before AS (PARTITION BY within, job_key, single, long ORDER BY started RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)
), by_job AS MATERIALIZED (
  SELECT * EXCLUDE (q_best, q_before, r_best, r_before, l_best, l_before, a_best, a_before, s_best, s_before)
    REPLACE (CASE WHEN q = q_best AND q > q_before THEN q END AS q, CASE WHEN r = r_best AND r > r_before THEN r END AS r, CASE WHEN l = l_best AND l > l_before THEN l END AS l, CASE WHEN a = a_best AND a > a_before THEN a END AS a, CASE WHEN s = s_best AND s > s_before THEN s END AS s)
  FROM wide_best WHERE (q = q_best AND q > q_before) OR (r = r_best AND r > r_before) OR (l = l_best AND l > l_before) OR (a = a_best AND a > a_before) OR (s = s_best AND s > s_before)
  UNION ALL FROM narrow_mark
), across_best AS (
  SELECT *, max(a) OVER so_far AS a_best, max(s) OVER so_far AS s_best,
    coalesce(max(a) OVER before, -1e9::DECIMAL(18,6)) AS a_before, coalesce(max(s) OVER before, -1e9::DECIMAL(18,6)) AS s_before
  FROM by_job WHERE a IS NOT NULL OR s IS NOT NULL WINDOW so_far AS (PARTITION BY scope, within, single, long ORDER BY started),
    before AS (PARTITION BY scope, within, single, long ORDER BY started RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING)
), mark AS (
  FROM by_job UNION ALL
  SELECT * EXCLUDE (a_best, a_before, s_best, s_before)
    REPLACE (NULL AS job_key, NULL AS q, NULL AS r, NULL AS l, CASE WHEN a = a_best AND a > a_before THEN a END AS a, CASE WHEN s = s_best AND s > s_before THEN s END AS s)
  FROM across_best WHERE (a = a_best AND a > a_before) OR (s = s_best AND s > s_before)
), followed AS (
  SELECT *, first_value(CASE WHEN q IS NOT NULL THEN entry END IGNORE NULLS) OVER after AS q_next, first_value(CASE WHEN r IS NOT NULL THEN entry END IGNORE NULLS) OVER after AS r_next, first_value(CASE WHEN l IS NOT NULL THEN entry END IGNORE NULLS) OVER after AS l_next, first_value(CASE WHEN a IS NOT NULL THEN entry END IGNORE NULLS) OVER after AS a_next, first_value(CASE WHEN s IS NOT NULL THEN entry END IGNORE NULLS) OVER after AS s_next
  FROM mark WINDOW after AS (PARTITION BY scope, within, job_key, single, long ORDER BY started RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING AND UNBOUNDED FOLLOWING)
), told AS (
  SELECT * EXCLUDE (q, q_next, r, r_next, l, l_next, a, a_next, s, s_next), unnest(['quantity', 'rate_per_hour', 'rate_per_labour_hour', 'attainment', 'labour_attainment']) AS measure,
    unnest([q::DECIMAL(21,9), r::DECIMAL(21,9), l::DECIMAL(21,9), a::DECIMAL(21,9), s::DECIMAL(21,9)]) AS value, unnest([q_next, r_next, l_next, a_next, s_next]) AS next
  FROM followed
), party AS (
  SELECT DISTINCT key, id AS worker, NULL AS crew FROM worker UNION ALL SELECT DISTINCT key, NULL, id FROM crew
)
SELECT j.id AS job, measure, CASE scope WHEN 0 THEN 'worker' WHEN 1 THEN 'site' WHEN 2 THEN 'industry' ELSE 'all' END AS scope,
  CASE scope WHEN 0 THEN p.worker WHEN 1 THEN t.id WHEN 2 THEN t.industry END AS within, CASE WHEN single THEN 'single' ELSE 'crew' END AS holder,
  CASE WHEN long THEN 'period' ELSE 'shift' END AS length, abs(value) AS value, m.id AS shift, m.entry, p.worker, p.crew, t.id AS site,
  m.started, m.day AS set_on, n.day AS beaten_on, CASE WHEN n.day IS NOT NULL THEN greatest(n.day - m.day, 0) END AS days_stood, n.id AS beaten_by, m.status
FROM told m JOIN site t ON t.key = m.site_key JOIN party p ON p.key = m.party_key LEFT JOIN job j ON j.key = m.job_key
LEFT JOIN (SELECT entry, id, day FROM candidate) n ON n.entry = m.next
WHERE value IS NOT NULL
ORDER BY job, measure, scope, within, holder, length, m.started, m.entry
