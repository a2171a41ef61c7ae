-- Honours by hand, for the six rules of the benchmark's data: what they give as known now, what they gave as reported, and the awards.
--
-- Verdicts touch few shifts, so what was given as reported is computed only for parties and periods in which a shift under a verdict has a
-- part. Entries are gathered only for those who reach what a rule asks.
WITH unit AS (
  SELECT key AS job_key, min(key) OVER (PARTITION BY unit, better) AS unit_key FROM job
), now AS MATERIALIZED (
  SELECT j.entry, j.first_entry, j.id, j.party_key, j.job_key, j.site_key, u.unit_key, j.better, j.industry, j.single, j.long, j.started, j.day,
    j.quantity, j.hours, j.expected, j.attainment, j.labour_attainment, j.own_hours, j.labour_hours, j.shared, j.verdict IS NOT NULL AS ruled,
    CASE WHEN NOT j.long THEN j.day WHEN j.ended - INTERVAL 1 MICROSECOND < d.turn THEN d.before ELSE d.after END AS last_day
  FROM judged j JOIN unit u USING (job_key)
  LEFT JOIN days d ON d.zone = j.zone AND d.day = CASE WHEN j.long THEN (j.ended - INTERVAL 1 MICROSECOND)::DATE END
  WHERE j.status <> 'annulled' AND j.day >= DATE '2024-01-01'
), reported AS MATERIALIZED (
  SELECT j.entry, j.first_entry, j.id, j.party_key, j.job_key, j.site_key, u.unit_key, j.better, j.industry, j.single, j.long, j.started, j.day,
    j.quantity, j.hours, j.expected, j.attainment, j.labour_attainment, j.own_hours, j.labour_hours, j.shared, true AS ruled,
    CASE WHEN NOT j.long THEN j.day WHEN j.ended - INTERVAL 1 MICROSECOND < d.turn THEN d.before ELSE d.after END AS last_day
  FROM judged_of('ruled_shift', 'no_verdict') j JOIN unit u USING (job_key)
  LEFT JOIN days d ON d.zone = j.zone AND d.day = CASE WHEN j.long THEN (j.ended - INTERVAL 1 MICROSECOND)::DATE END
  WHERE j.day >= DATE '2024-01-01'
), by_shift AS (
  SELECT tag, 'shock-worker' AS rule, party_key, first_entry AS occasion, 'attainment' AS measure, attainment::DECIMAL(21,9) AS value,
    NULL::DATE AS begins, NULL::DATE AS ends, day, id AS shift, [entry] AS entries
  FROM (SELECT *, 'now' AS tag FROM now UNION ALL SELECT *, 'reported' FROM reported) WHERE attainment >= 2
), month_row AS (
  SELECT 'now' AS tag, *, date_trunc('month', day)::DATE AS occasion FROM now WHERE date_trunc('month', day) = date_trunc('month', last_day) AND true
  UNION ALL
  SELECT 'reported' AS tag, *, date_trunc('month', day)::DATE AS occasion FROM reported WHERE date_trunc('month', day) = date_trunc('month', last_day) AND true
  UNION ALL
  SELECT 'reported', *, date_trunc('month', day)::DATE FROM now WHERE NOT ruled AND date_trunc('month', day) = date_trunc('month', last_day) AND true
    AND (party_key, date_trunc('month', day)::DATE) IN (SELECT party_key, date_trunc('month', day)::DATE FROM reported)
), month_figure AS (
  SELECT *, CASE WHEN expected IS NOT NULL THEN CASE better WHEN 'higher' THEN quantity ELSE expected END END AS above,
    CASE WHEN better = 'higher' THEN expected WHEN expected IS NOT NULL THEN quantity END AS below
  FROM month_row
), month_sum AS (
  SELECT tag, party_key, occasion, count(*) AS shifts, count(above) AS known, sum(above) AS above, sum(below) AS below, sum(attainment) AS total,
    count(attainment) AS figures, min(unit_key) = max(unit_key) AS alike
  FROM month_figure GROUP BY ALL
), month_near AS (
  SELECT *, CASE WHEN NOT alike OR known = 1 THEN total ELSE above END AS n, CASE WHEN NOT alike OR known = 1 THEN figures ELSE below END AS d,
    n::DOUBLE / nullif(d::DOUBLE, 0) * 1e6 AS y
  FROM month_sum WHERE shifts >= 10
), month_enough AS (
  SELECT tag, party_key, occasion, CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(26,6) * d::DECIMAL(27,9) > n THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS value
  FROM month_near WHERE y >= 1.3 * 1e6 - 1
), by_month AS (
  SELECT tag, 'worker-of-the-month' AS rule, party_key, epoch_us(occasion) AS occasion, 'attainment' AS measure, any_value(value)::DECIMAL(21,9) AS value,
    occasion AS begins, (occasion + INTERVAL 1 month)::DATE AS ends, NULL::DATE AS day, CASE WHEN count(*) = 1 THEN min(r.id) END AS shift,
    array_agg(r.entry ORDER BY r.first_entry) AS entries
  FROM month_row r JOIN month_enough e USING (tag, party_key, occasion) WHERE value >= 1.3 GROUP BY tag, party_key, occasion
), year_row AS (
  SELECT 'now' AS tag, *, date_trunc('year', day)::DATE AS occasion FROM now WHERE date_trunc('year', day) = date_trunc('year', last_day) AND true
  UNION ALL
  SELECT 'reported' AS tag, *, date_trunc('year', day)::DATE AS occasion FROM reported WHERE date_trunc('year', day) = date_trunc('year', last_day) AND true
  UNION ALL
  SELECT 'reported', *, date_trunc('year', day)::DATE FROM now WHERE NOT ruled AND date_trunc('year', day) = date_trunc('year', last_day) AND true
    AND (party_key, date_trunc('year', day)::DATE) IN (SELECT party_key, date_trunc('year', day)::DATE FROM reported)
), year_figure AS (
  SELECT *, CASE better WHEN 'higher' THEN quantity ELSE expected END AS top,
    CASE WHEN shared THEN (top::DOUBLE * own_hours::DOUBLE / labour_hours::DOUBLE)::DECIMAL(18,9) END AS near, CASE WHEN expected IS NOT NULL THEN CASE WHEN NOT shared THEN CASE better WHEN 'higher' THEN quantity ELSE expected END
      WHEN near::DECIMAL(24,9) * labour_hours > top::DECIMAL(24,9) * own_hours THEN near - 0.000000001
      WHEN (near + 0.000000001)::DECIMAL(24,9) * labour_hours <= top::DECIMAL(24,9) * own_hours THEN near + 0.000000001 ELSE near END::DECIMAL(18,9) END AS above,
    CASE WHEN better = 'higher' THEN expected WHEN expected IS NOT NULL THEN quantity END AS below
  FROM year_row
), year_sum AS (
  SELECT tag, party_key, occasion, count(*) AS shifts, count(above) AS known, sum(above) AS above, sum(below) AS below, sum(labour_attainment) AS total,
    count(labour_attainment) AS figures, min(unit_key) = max(unit_key) AS alike
  FROM year_figure GROUP BY ALL
), year_near AS (
  SELECT *, CASE WHEN NOT alike OR known = 1 THEN total ELSE above END AS n, CASE WHEN NOT alike OR known = 1 THEN figures ELSE below END AS d,
    n::DOUBLE / nullif(d::DOUBLE, 0) * 1e6 AS y
  FROM year_sum WHERE shifts >= 0
), year_enough AS (
  SELECT tag, party_key, occasion, CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(26,6) * d::DECIMAL(27,9) > n THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS value
  FROM year_near WHERE y >= 1.2 * 1e6 - 1
), by_year AS (
  SELECT tag, 'honest-worker-of-the-year' AS rule, party_key, epoch_us(occasion) AS occasion, 'labour_attainment' AS measure, any_value(value)::DECIMAL(21,9) AS value,
    occasion AS begins, (occasion + INTERVAL 1 year)::DATE AS ends, NULL::DATE AS day, CASE WHEN count(*) = 1 THEN min(r.id) END AS shift,
    array_agg(r.entry ORDER BY r.first_entry) AS entries
  FROM year_row r JOIN year_enough e USING (tag, party_key, occasion) WHERE value >= 1.2 GROUP BY tag, party_key, occasion
), week_row AS (
  SELECT 'now' AS tag, *, date_trunc('week', day)::DATE AS occasion FROM now WHERE date_trunc('week', day) = date_trunc('week', last_day) AND industry = 'coal'
  UNION ALL
  SELECT 'reported' AS tag, *, date_trunc('week', day)::DATE AS occasion FROM reported WHERE date_trunc('week', day) = date_trunc('week', last_day) AND industry = 'coal'
  UNION ALL
  SELECT 'reported', *, date_trunc('week', day)::DATE FROM now WHERE NOT ruled AND date_trunc('week', day) = date_trunc('week', last_day) AND industry = 'coal'
    AND (party_key, date_trunc('week', day)::DATE) IN (SELECT party_key, date_trunc('week', day)::DATE FROM reported)
), week_figure AS (
  SELECT *, CASE WHEN expected IS NOT NULL THEN CASE better WHEN 'higher' THEN quantity ELSE expected END END AS above,
    CASE WHEN better = 'higher' THEN expected WHEN expected IS NOT NULL THEN quantity END AS below
  FROM week_row
), week_sum AS (
  SELECT tag, party_key, occasion, count(*) AS shifts, count(above) AS known, sum(above) AS above, sum(below) AS below, sum(attainment) AS total,
    count(attainment) AS figures, min(unit_key) = max(unit_key) AS alike
  FROM week_figure GROUP BY ALL
), week_near AS (
  SELECT *, CASE WHEN NOT alike OR known = 1 THEN total ELSE above END AS n, CASE WHEN NOT alike OR known = 1 THEN figures ELSE below END AS d,
    n::DOUBLE / nullif(d::DOUBLE, 0) * 1e6 AS y
  FROM week_sum WHERE shifts >= 0
), week_enough AS (
  SELECT tag, party_key, occasion, CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(26,6) * d::DECIMAL(27,9) > n THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS value
  FROM week_near WHERE y >= 1.4 * 1e6 - 1
), by_week AS (
  SELECT tag, 'best-of-the-miners' AS rule, party_key, epoch_us(occasion) AS occasion, 'attainment' AS measure, any_value(value)::DECIMAL(21,9) AS value,
    occasion AS begins, (occasion + INTERVAL 1 week)::DATE AS ends, NULL::DATE AS day, CASE WHEN count(*) = 1 THEN min(r.id) END AS shift,
    array_agg(r.entry ORDER BY r.first_entry) AS entries
  FROM week_row r JOIN week_enough e USING (tag, party_key, occasion) WHERE value >= 1.4 GROUP BY tag, party_key, occasion
), scored AS (
  SELECT *, single AS alone, CASE WHEN single THEN -1 ELSE site_key END AS within,
    CASE WHEN NOT single THEN CASE better WHEN 'higher' THEN quantity::DOUBLE / hours::DOUBLE * 1e6 END END AS y,
    CASE WHEN single THEN CASE better WHEN 'higher' THEN quantity ELSE -quantity END
      WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(24,6) * hours > quantity THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,9) AS score
  FROM (SELECT *, 'now' AS tag FROM now UNION ALL SELECT *, 'reported' FROM reported) WHERE NOT long
), bests AS (
  SELECT job_key, within, started::DATE AS utc_day, max(score) AS score FROM scored WHERE NOT ruled GROUP BY ALL
), earlier AS (
  SELECT job_key, within, utc_day, coalesce(max(score) OVER (PARTITION BY job_key, within ORDER BY utc_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -999999999::DECIMAL(18,9)) AS score
  FROM bests
), candidate AS (
  SELECT s.* FROM scored s JOIN earlier e ON e.job_key = s.job_key AND e.within = s.within AND e.utc_day = s.started::DATE WHERE s.score > e.score AND NOT s.ruled
  UNION ALL SELECT * REPLACE ('reported' AS tag) FROM (SELECT s.* FROM scored s JOIN earlier e ON e.job_key = s.job_key AND e.within = s.within AND e.utc_day = s.started::DATE WHERE s.score > e.score AND NOT s.ruled)
  UNION ALL SELECT * FROM scored WHERE ruled AND score IS NOT NULL
), running AS (
  SELECT *, max(score) OVER (PARTITION BY tag, job_key, within ORDER BY started) AS best,
    coalesce(max(score) OVER (PARTITION BY tag, job_key, within ORDER BY started RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING), -999999999::DECIMAL(18,9)) AS before
  FROM candidate
), by_record AS (
  SELECT tag, CASE WHEN single THEN 'record-of-the-job' ELSE 'record-of-the-site' END AS rule, party_key, first_entry AS occasion,
    CASE WHEN single THEN 'quantity' ELSE 'rate_per_hour' END AS measure, abs(score)::DECIMAL(21,9) AS value, NULL::DATE AS begins, NULL::DATE AS ends,
    day, id AS shift, [entry] AS entries
  FROM running WHERE score = best AND score > before
), given AS MATERIALIZED (
  FROM by_shift UNION ALL FROM by_month UNION ALL FROM by_year UNION ALL FROM by_week UNION ALL FROM by_record
), told AS (
  SELECT 'earned' AS status, * FROM given WHERE tag = 'now'
  UNION ALL
  SELECT 'basis lost', r.* FROM given r ANTI JOIN (FROM given WHERE tag = 'now') n ON r.rule = n.rule AND r.party_key = n.party_key AND r.occasion = n.occasion
  WHERE r.tag = 'reported'
), party AS (
  SELECT DISTINCT key, id AS worker, NULL AS crew FROM worker UNION ALL SELECT DISTINCT key, NULL, id FROM crew
), basis AS (
  SELECT j.id, j.entry, j.status <> 'annulled' AND j.single = was.single AS stands
  FROM judged_of('awarded_shift', 'verdict') j JOIN judged_of('awarded_shift', 'no_verdict') was ON was.entry = j.entry
), award_basis AS (
  SELECT a.entry, list_sort(list(DISTINCT b.entry)) AS entries, bool_or(b.stands) AS stands
  FROM (SELECT entry, unnest("for") AS shift FROM award) a JOIN basis b ON b.id = a.shift GROUP BY a.entry
)
SELECT r.gives AS honour, t.status, t.rule, NULL::BIGINT AS award, p.worker, p.crew, t.measure, t.value, t.begins AS "from", t.ends AS until, t.day AS "on",
  t.shift, t.entries
FROM told t JOIN party p ON p.key = t.party_key JOIN rule r ON r.id = t.rule
UNION ALL
SELECT a.name, CASE WHEN b.stands THEN 'granted' ELSE 'basis lost' END, NULL, a.entry, a.worker, a.crew, NULL, NULL, NULL, NULL, a."on",
  CASE WHEN len(a."for") = 1 THEN a."for"[1] END, b.entries
FROM award a JOIN award_basis b ON b.entry = a.entry
ORDER BY honour, "on", "from", award, worker, crew
