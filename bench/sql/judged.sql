-- The view `judged` by hand: one row per shift with all its figures (`judged_of`: of some shifts, by some verdicts).
--
-- It may use whatever holds for the benchmark's data and stops with an error where that is not so: no replacements, no quota named by a
-- shift, quotas of one party that do not overlap and name no site, quotas per hour or per shift, quarter hours, half heads.
CREATE OR REPLACE TEMP MACRO judged_of(shifts, verdicts) AS TABLE
WITH ruling AS (  -- the last verdict of each shift
  SELECT shift, arg_max(struct_pack(verdict := entry, ruling, quantity, hours, headcount, helper_hours, helper_count), first_entry) AS last
  FROM query_table(verdicts) GROUP BY shift
), spans AS (  -- from when until when a quota judges among those that name the same site, or none, and no party
  SELECT entry, job_key, site_key, is_crew, "from" AS day, least(coalesce(until, DATE '9999-12-31'),
         lead("from", 1, DATE '9999-12-31') OVER (PARTITION BY job_key, site_key, is_crew ORDER BY "from")) AS next
  FROM quota, (VALUES (true), (false)) AS kinds(is_crew) WHERE party_key IS NULL AND (per = 'worker' OR is_crew)
), general AS MATERIALIZED (
  SELECT job_key, is_crew, day, next, entry AS quota FROM spans WHERE site_key IS NULL
), sited AS MATERIALIZED (
  SELECT job_key, site_key, is_crew, day, next, entry AS quota FROM spans WHERE site_key IS NOT NULL
), own AS MATERIALIZED (
  SELECT job_key, party_key, entry AS quota, "from" AS day,
         coalesce(until, lead("from", 1, DATE '9999-12-31') OVER (PARTITION BY job_key, party_key ORDER BY "from")) AS next
  FROM quota WHERE party_key IS NOT NULL
), heads AS MATERIALIZED (
  SELECT key AS party_key, coalesce(headcount, len(members)) AS headcount, "from" AS day,
         lead("from", 1, DATE '9999-12-31') OVER (PARTITION BY key ORDER BY "from") AS next
  FROM crew
), asked AS MATERIALIZED (
  SELECT entry, first_entry, id, quantity, hours, per FROM quota
), place AS (
  SELECT key, industry, zone, min(key) OVER (PARTITION BY industry) AS industry_key FROM site
), dated AS (
  SELECT s.*, t.industry, t.industry_key, t.zone, j.better, s.crew IS NOT NULL AS is_crew, CASE WHEN s.started < d.turn THEN d.before ELSE d.after END AS day
  FROM query_table(shifts) s
  JOIN job j ON j.key = s.job_key
  JOIN place t ON t.key = s.site_key
  JOIN days d ON d.zone = t.zone AND d.day = s.started::DATE
), judged AS (
  SELECT s.entry, s.first_entry, s.id, s.worker, s.crew, s.job, s.site, s.job_key, s.site_key, s.party_key, s.industry, s.industry_key, s.zone, s.better, s.started, s.ended, s.day,
    coalesce(s.ended > s.started + INTERVAL 24 HOUR, false) AS long, coalesce(o.quota, p.quota, g.quota) AS quota_entry, v.verdict, v.ruling,
    coalesce(v.quantity, s.quantity) AS quantity, coalesce(v.hours, s.hours) AS hours,
    CASE WHEN s.is_crew THEN coalesce(v.headcount, s.headcount, h.headcount) ELSE 1 END::DECIMAL(9,3) AS headcount,
    coalesce(v.helper_hours, s.helper_hours) AS helper_hours, coalesce(v.helper_count, s.helper_count, 0) AS helper_count,
    CASE WHEN v.helper_count IS NULL THEN s.labour_hours END AS total_hours
  FROM dated s
  LEFT JOIN (SELECT shift, unnest(last) FROM ruling) v ON v.shift = s.id
  LEFT JOIN general g ON g.job_key = s.job_key AND g.is_crew = s.is_crew AND s.day >= g.day AND s.day < g.next
  LEFT JOIN sited p ON p.job_key = s.job_key AND p.site_key = s.site_key AND p.is_crew = s.is_crew AND s.day >= p.day AND s.day < p.next
  LEFT JOIN own o ON o.job_key = s.job_key AND o.party_key = s.party_key AND s.day >= o.day AND s.day < o.next
  LEFT JOIN heads h ON h.party_key = s.party_key AND s.day >= h.day AND s.day < h.next
), asking AS (
  SELECT s.*, q.id AS quota, q.first_entry > s.first_entry AS quota_after_shift, q.quantity AS asked, q.hours AS asked_hours,
    CASE WHEN q.hours IS NOT NULL THEN s.hours WHEN s.long THEN NULL ELSE 1 END::DECIMAL(12,6) AS times,
    CASE WHEN q.per = 'worker' THEN s.headcount ELSE 1 END::DECIMAL(9,3) AS heads,
    s.helper_count > 0 OR s.total_hours IS NOT NULL AS shared, (s.hours::DECIMAL(9,2) * s.headcount::DECIMAL(9,1))::DECIMAL(18,3) AS own_hours
  FROM judged s LEFT JOIN asked q ON q.entry = s.quota_entry
), expecting AS (  -- rounding the product less half a unit is rounding it down; all in 64 bits
  SELECT *,
    CASE WHEN asked IS NULL OR times IS NULL OR heads IS NULL THEN NULL
      WHEN coalesce(asked_hours, 1) = 1 AND times::DECIMAL(9,2) = times AND heads::DECIMAL(9,1) = heads AND asked::DOUBLE * times::DOUBLE * heads::DOUBLE < 9e6
      THEN ((asked * times::DECIMAL(9,2) * heads::DECIMAL(9,1))::DECIMAL(18,12) - 0.0000000005::DECIMAL(12,12))::DECIMAL(18,12)::DECIMAL(18,9)
      ELSE error('figures of a shape that this data does not have')::DECIMAL(18,9) END AS expected,
    CASE WHEN shared THEN coalesce(total_hours, own_hours + helper_hours) ELSE own_hours END::DECIMAL(18,6) AS labour_hours
  FROM asking
), divided AS (  -- a double is right to the last place unless it lies next to a whole number of millionths
  SELECT *, CASE better WHEN 'higher' THEN quantity ELSE expected END AS above, CASE better WHEN 'higher' THEN expected ELSE nullif(quantity, 0) END AS below,
    above::DOUBLE / below::DOUBLE * 1e6 AS y, CASE WHEN shared THEN y * own_hours::DOUBLE / labour_hours::DOUBLE END AS z
  FROM expecting
)
SELECT entry, first_entry, id, worker, crew, job, site, industry, job_key, site_key, party_key, industry_key, zone, better, started, ended, day, long,
  crew IS NULL AND helper_count = 0 AND NOT coalesce(total_hours > own_hours, false) AS single,
  quantity, hours, headcount, labour_hours, own_hours, shared, quota, quota_entry, expected,
  CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
    WHEN (round(y) / 1e6)::DECIMAL(24,6) * below > above THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
    ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS attainment,
  CASE WHEN NOT shared THEN attainment
    WHEN abs(z - round(z)) > 0.001 THEN (floor(z) / 1e6)::DECIMAL(18,6)
    WHEN (round(z) / 1e6)::DECIMAL(12,6) * below::DECIMAL(19,9) * labour_hours::DECIMAL(7,2) > above::DECIMAL(19,9) * own_hours
      THEN (round(z) / 1e6)::DECIMAL(18,6) - 0.000001
    ELSE (round(z) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS labour_attainment,
  CASE WHEN ruling IS NULL OR ruling = 'withdrawn' THEN 'reported' ELSE ruling END AS status, verdict, quota_after_shift
FROM divided;
CREATE OR REPLACE TEMP VIEW judged AS FROM judged_of('shift', 'verdict');
CREATE OR REPLACE TEMP VIEW ruled_shift AS FROM shift WHERE id IN (SELECT shift FROM verdict);
CREATE OR REPLACE TEMP VIEW no_verdict AS FROM verdict WHERE false;
CREATE OR REPLACE TEMP VIEW awarded_shift AS FROM shift WHERE id IN (SELECT unnest("for") FROM award);
