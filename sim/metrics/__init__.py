"""From a run's tables to what people ask about. Pure: tables in, figures out. One module a noun, with its formulas:

market     shares of tokens and dollars, concentration, margin, profit, price paid, surplus
books      a provider's revenue, serving, research, profit and margin
prices     price indices: at fixed quality, of posted tiers, of matched models; also of the world's prices
leaders    who leads, for how long, and the turnover of the top
frontier   frontier capability, and the best student's lag behind it
ranks      what the best, the second and the third get
research   research recouped
tables     all of these at once
"""

from sim.metrics.market import MARKET, SHARES, market, shares, supplier_profits
from sim.metrics.runs import RUN
from sim.metrics.tables import METRIC_TABLES, metric_tables

__all__ = ["MARKET", "METRIC_TABLES", "RUN", "SHARES", "market", "metric_tables", "shares", "supplier_profits"]
