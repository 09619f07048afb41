"""Writes diabetes.csv, the table of Efron, Hastie, Johnstone and Tibshirani (2004) that scikit-learn has."""

from pathlib import Path

from sklearn.datasets import load_diabetes

MEANINGS = {
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "glucose",
}

table = load_diabetes(as_frame=True, scaled=False).frame
table = table.rename(columns={**MEANINGS, "target": "progression"})
path = Path(__file__).with_name("diabetes.csv")
table.to_csv(path, index=False)
print(f"{path.name}: {len(table)} patients, {len(table.columns) - 1} measurements each")
