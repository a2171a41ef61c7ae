-- Standings by hand: workers by month, best first.
WITH unit AS (
  SELECT key AS job_key, unit, min(key) OVER (PARTITION BY unit, better) AS unit_key FROM job
), held AS (
  SELECT s.party_key, date_trunc('month', s.day)::DATE AS month, s.quantity, s.expected, s.attainment, s.status, s.better, u.unit_key,
    NOT s.long OR date_trunc('month', CASE WHEN s.ended - INTERVAL 1 MICROSECOND < d.turn THEN d.before ELSE d.after END) = date_trunc('month', s.day) AS whole
  FROM judged s JOIN unit u USING (job_key)
  LEFT JOIN days d ON d.zone = s.zone AND d.day = CASE WHEN s.long THEN (s.ended - INTERVAL 1 MICROSECOND)::DATE END
  WHERE s.status <> 'annulled' AND s.crew IS NULL
), counted AS (  -- absent instead of filtered: a FILTER for each sum costs more than the sum
  SELECT party_key, month, CASE WHEN whole THEN unit_key END AS unit_key, CASE WHEN whole THEN quantity END AS quantity,
    CASE WHEN whole THEN expected END AS expected, CASE WHEN whole THEN attainment END AS attainment,
    CASE WHEN whole AND status = 'verified' THEN 1 END AS verified, CASE WHEN whole AND status = 'disputed' THEN 1 END AS disputed,
    CASE WHEN NOT whole OR expected IS NULL THEN NULL WHEN better = 'higher' THEN quantity ELSE expected END AS above,
    CASE WHEN NOT whole THEN NULL WHEN better = 'higher' THEN expected WHEN expected IS NOT NULL THEN quantity END AS below
  FROM held
), sums AS (
  SELECT party_key, month, count(quantity) AS shifts, count(*) - count(quantity) AS left_out, count(quantity) - count(expected) AS shifts_without_quota,
    count(verified) AS verified, count(disputed) AS disputed, sum(quantity) AS quantity, sum(expected) AS expected, sum(above) AS above, sum(below) AS below,
    sum(attainment) AS total, count(attainment) AS figures, min(unit_key) AS first_unit, max(unit_key) AS last_unit
  FROM counted GROUP BY ALL
), divided AS (
  SELECT *, first_unit = last_unit AS alike, CASE WHEN alike THEN above ELSE total END AS n, CASE WHEN alike THEN below ELSE figures END AS d,
    n::DOUBLE / nullif(d::DOUBLE, 0) * 1e6 AS y
  FROM sums
), ranked AS (
  SELECT *, CASE WHEN abs(y - round(y)) > 0.001 THEN (floor(y) / 1e6)::DECIMAL(18,6)
      WHEN (round(y) / 1e6)::DECIMAL(18,6)::DECIMAL(26,6) * d::DECIMAL(27,9) > n THEN (round(y) / 1e6)::DECIMAL(18,6) - 0.000001
      ELSE (round(y) / 1e6)::DECIMAL(18,6) END::DECIMAL(18,6) AS attainment
  FROM divided
), name AS (
  SELECT key, arg_max(id, ("from", first_entry)) AS id, arg_max(name, ("from", first_entry)) AS name FROM worker GROUP BY key
)
SELECT r.month AS "from", (r.month + INTERVAL 1 MONTH)::DATE AS until, n.id AS party, n.name,
  CASE WHEN r.attainment IS NOT NULL THEN rank() OVER (PARTITION BY r.month ORDER BY r.attainment DESC NULLS LAST) END AS rank,
  r.shifts, CASE WHEN r.alike THEN r.quantity END AS quantity, CASE WHEN r.alike THEN u.unit END AS unit, CASE WHEN r.alike THEN r.expected END AS expected, r.attainment,
  CASE WHEN coalesce(r.alike, true) THEN 'sum' ELSE 'mean' END AS basis,
  CASE WHEN lag(r.month) OVER before = r.month - INTERVAL 1 MONTH THEN r.attainment - lag(r.attainment) OVER before END AS change,
  r.shifts_without_quota, r.verified, r.disputed, r.left_out
FROM ranked r JOIN name n ON n.key = r.party_key
LEFT JOIN unit u ON u.job_key = r.first_unit
WINDOW before AS (PARTITION BY r.party_key ORDER BY r.month)
ORDER BY "from", rank NULLS LAST, party
