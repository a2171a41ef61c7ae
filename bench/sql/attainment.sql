-- Attainment by hand: one row per shift, as judged.
SELECT entry, first_entry, id, worker, crew, job, site, industry, started, day, CASE WHEN long THEN 'period' ELSE 'shift' END AS length,
  CASE WHEN single THEN 'single' ELSE 'crew' END AS holder, quantity, hours, headcount, labour_hours, quota, quota_entry, expected,
  attainment, labour_attainment, status, verdict, quota_after_shift
FROM judged
