"""Which values `config set` refuses to store in plaintext, as the Pulumi CLI does."""

import pytest
from pulumi_embedded.storage.likely_secrets import looks_like_secret

# Recorded from the Pulumi CLI.
REFUSED = [
    ("apiToken", "1415fc1f4eaeb5e096ee58c1480016638fff29bf"),
    ("dbPassword", "Tr0ub4dor&3"),
    ("tokenUrl", "https://example.com/oauth/token"),
    ("token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("token", "sk-proj-aBcD1234efGH5678ijKL"),
    ("password", "xK9#mQ2$"),
    ("token", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"),
    ("token", "z9q8w7e6r5"),
    ("token", "550e8400-e29b-41d4-a716-446655440000"),
    ("secretsProvider", "awskms://alias/foo"),
    ("password", "kdjfhgksjdfhg"),
]
STORED = [
    ("apiKey", "1415fc1f4eaeb5e096ee58c1480016638fff29bf"),
    ("token", "hush"),
    ("password", "hunter2"),
    ("password", "correcthorsebatterystaple"),
    ("passwordLength", "16"),
    ("secretName", "my-secret-name"),
    ("token", "abcdefghijklmnopqrstuvwxyz"),
    ("token", "aaaaaaaaaaaaaaaaaaaaaaaa"),
    ("token", "1234567890123456"),
    ("apiToken", "true"),
    ("passPhraseFile", "/home/user/.passphrase"),
    ("bypassCache", "enabled-for-all"),
    ("compassDirection", "north-north-west"),
    ("password", "qwertyuiop"),
    ("tokenTtl", "3600s"),
    ("tokenIssuer", "accounts.google.com"),
    ("password", "letmein123456"),
    ("password", "MySuperSecretPassword"),
    ("token", ""),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_is_hard_to_guess_looks_like_a_secret(name, value):
    assert looks_like_secret(name, value)


@pytest.mark.parametrize(("name", "value"), STORED)
def test_words_and_other_names_do_not(name, value):
    assert not looks_like_secret(name, value)
