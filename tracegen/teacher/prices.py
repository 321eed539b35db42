"""What a teacher costs, from the price library genai-prices, which ships its table; nothing is fetched."""

from tracegen.errors import SettingsError
from tracegen.teacher.budget import Price


def find_price(
    model: str, base_url: str, price_in: float | None = None, price_out: float | None = None, service_tier: str | None = None
) -> Price | None:
    """Return the price of a model at an address, or None where it is not known: a price is never guessed.

    `price_in` and `price_out`, in US dollars for a million tokens, go before the library's. The library's are list prices for
    prompts of usual length, without what the service takes off for cached ones. Raises SettingsError where only one is given.
    """
    if price_in is not None and price_out is not None:
        return Price(price_in, price_out)
    if price_in is not None or price_out is not None:
        raise SettingsError("Give --price-in and --price-out together, in USD for a million tokens.")
    from genai_prices import Usage, calc_price

    context = {"service_tier": service_tier} if service_tier else None
    try:
        # A prompt of usual length: some models cost more above 100,000 or 200,000 tokens.
        found = calc_price(
            Usage(input_tokens=1000, output_tokens=1000), model_ref=model, provider_api_url=base_url, price_context=context
        )
    except LookupError:
        return None
    return Price(float(found.input_price) * 1000, float(found.output_price) * 1000)
