"""The settings of Stripe: where it is, who we are there, and what signs its webhooks."""

import pytest
from pydantic import SecretStr

from config.settings import StripeSettings, load_settings
from domain.errors import ConfigurationError


def settings(text: str) -> StripeSettings:
    return StripeSettings(webhook_secret=SecretStr(text))


def test_nothing_is_set_until_somebody_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_CLIENT_ID", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    found = load_settings().stripe
    assert (found.client_id, found.secret_key, found.webhook_secrets()) == (None, None, ())
    assert found.connect_base == "https://connect.stripe.com"


def test_the_environment_says_who_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_CLIENT_ID", "ca_1")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_platform")
    monkeypatch.setenv("STRIPE_CONNECT_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_new,whsec_old")
    found = load_settings().stripe
    assert found.client_id == "ca_1"
    assert found.secret_key is not None
    assert found.secret_key.get_secret_value() == "sk_test_platform"
    assert found.connect_base == "http://127.0.0.1:9"
    assert found.webhook_secrets() == ("whsec_new", "whsec_old")
    assert "sk_test_platform" not in repr(found)
    assert "whsec_new" not in repr(found)


def test_blanks_around_a_secret_do_not_count() -> None:
    assert settings(" whsec_new , whsec_old ").webhook_secrets() == ("whsec_new", "whsec_old")


@pytest.mark.parametrize("text", [" ", ",", "whsec_a,", ",whsec_a", "whsec_a,,whsec_b", "a, ,b"])
def test_a_blank_secret_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="empty secret") as caught:
        settings(text).webhook_secrets()
    assert "whsec_a" not in f"{caught.value} {caught.value.hint}"
