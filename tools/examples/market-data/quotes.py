"""Synthetic quotes for ever: a line is SYMBOL {"bid": ..., "ask": ..., "size": ...}."""

import json
import random
import time

PRICES = {"AAPL": 187.2, "AMZN": 178.5, "GOOG": 141.3, "META": 484.1, "MSFT": 411.0, "NFLX": 582.9,
          "NVDA": 788.2, "TSLA": 193.6}
QUOTES_PER_SECOND = 40

while True:
    symbol = random.choice(list(PRICES))
    PRICES[symbol] *= 1 + random.gauss(0, 0.0004)
    quote = {"bid": round(PRICES[symbol] - 0.01, 2), "ask": round(PRICES[symbol] + 0.01, 2),
             "size": random.randrange(1, 20) * 100}
    print(symbol, json.dumps(quote))
    time.sleep(random.expovariate(QUOTES_PER_SECOND))
