"""Who acts in the market: labs that release, owners that price."""
