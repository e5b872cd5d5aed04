import csv
import os

from sqlalchemy import text


def writes(session, table, value, folder):
    # ruleid: one-place-commits
    session.commit()
    # ok: one-place-commits
    commit(session, value)
    # ruleid: no-text-in-sql
    session.execute(f"select * from {table}")
    # ruleid: no-text-in-sql
    session.execute("select * from t where a = %s" % value)
    # ruleid: no-text-in-sql
    session.execute("select * from " + table)
    # ruleid: no-text-in-sql
    session.execute(text(f"select {value}"))
    # ok: no-text-in-sql
    session.execute(text("select 1 where a = :a"), {"a": value})
    # ruleid: one-place-writes-tables
    csv.writer(folder)
    # ruleid: one-place-writes-tables
    csv.DictWriter(folder, ["a"])
    # ok: one-place-writes-tables
    csv.reader(folder)
    # ruleid: no-open-file-for-all
    os.chmod(folder, 0o777)
    # ok: no-open-file-for-all
    os.chmod(folder, 0o600)
