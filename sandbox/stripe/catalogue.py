"""What the sandbox's software business sells: products, prices of every kind, and coupons."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.stripe.billing_facts import CouponFact, PriceFact, ProductFact, Tier

ADD_ONS = 12


class Catalogue(NamedTuple):
    """The products, prices and coupons, and the prices by the part they play."""

    products: tuple[ProductFact, ...]
    prices: tuple[PriceFact, ...]
    coupons: tuple[CouponFact, ...]

    def price(self, part: str) -> PriceFact:
        """Return the price of the part: its lookup key."""
        return next(price for price in self.prices if price.lookup_key == part)


def make_catalogue(key: str, opened: int) -> Catalogue:
    """Return the catalogue of a shop opened at the second; ids begin with the key."""
    names = ("basic", "team", "volume", "weekly", "setup", "calls", "retired")
    products = [
        ProductFact(f"prod_{key}{name}", opened, name.title(), default_price=f"price_1{key}{name}")
        for name in names
    ]
    products[-1] = products[-1]._replace(archived_at=opened + 86_400, deleted_at=opened + 172_800)
    basic = _price(key, "basic", opened, 2_900)
    prices = [
        basic,
        _price(key, "yearly", opened, 29_000)._replace(product=basic.product, interval="year"),
        _price(key, "old", opened, 1_900)._replace(
            product=basic.product, archived_at=opened + 90 * 86_400
        ),
        _price(key, "team", opened, None)._replace(
            tiers_mode="graduated",
            tiers=(Tier(5, 1_500, 1_000), Tier(20, 1_200), Tier(None, 900)),
        ),
        _price(key, "volume", opened, None)._replace(
            tiers_mode="volume", tiers=(Tier(10, 1_000), Tier(None, 700, 500))
        ),
        _price(key, "weekly", opened, 700)._replace(interval="week"),
        _price(key, "setup", opened, 9_900)._replace(interval=None),
        _price(key, "calls", opened, None)._replace(
            usage_type="metered", unit_amount_decimal="0.25"
        ),
    ]
    for number in range(ADD_ONS):
        name = f"addon{number:02d}"
        products.append(ProductFact(f"prod_{key}{name}", opened, f"Add-on {number}"))
        prices.append(_price(key, name, opened, 300 + 50 * number))
    coupons = (
        CouponFact(f"{key}forever", opened, percent_off="12.5"),
        CouponFact(f"{key}welcome", opened, percent_off="50", duration="once"),
        CouponFact(
            f"{key}quarter",
            opened,
            amount_off=500,
            currency="usd",
            duration="repeating",
            duration_in_months=3,
        ),
    )
    return Catalogue(tuple(products), tuple(prices), coupons)


def _price(key: str, name: str, opened: int, amount: int | None) -> PriceFact:
    return PriceFact(
        f"price_1{key}{name}",
        f"prod_{key}{name}",
        opened,
        amount,
        nickname=name.title(),
        lookup_key=name,
    )
