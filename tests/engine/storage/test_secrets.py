from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_embedded.errors import SecretsError
from pulumi_embedded.storage.secrets import PassphraseCrypter, crypter_of, passphrase_from_environment

# Made by the Pulumi CLI: `stack init`, then `config set --secret`, with this passphrase.
CLI_PASSPHRASE = "correct horse ü"
CLI_SALT = "v1:CAT4eHvaT6k=:v1:edqq41NfR/aC1gyt:IortxYvxR3QuNxRFuvTjuHp0YuvE3g=="
CLI_SECRETS = {
    "v1:i6sEHyuRbyurKJ8K:qxa2d6rgPMhk4tZO52x0l7jLgjoXeb1ggToC/48=": 's3cr3t "q" ü',
    "v1:abLlxm8NYJUmvVb8:O2ae7oHh98kf/6EH+Y3KOld6q2oWfg==": "hidden",
    "v1:SYb3zkaP4jMFYKI4:I2c7r4K2wBQJFfI8YsEQrDBGfM8CZcgPEm8MmchCuGbF": '"s3cr3t \\"q\\" ü"',
}


@pytest.fixture(scope="module")
def of_the_cli() -> PassphraseCrypter:
    return PassphraseCrypter.unlock(CLI_SALT, CLI_PASSPHRASE)


def test_secrets_of_the_cli_decrypt(of_the_cli: PassphraseCrypter) -> None:
    assert {ciphertext: of_the_cli.decrypt(ciphertext) for ciphertext in CLI_SECRETS} == CLI_SECRETS


@given(st.text())
def test_what_is_encrypted_decrypts_and_never_looks_the_same(crypter: PassphraseCrypter, text: str) -> None:
    first, second = crypter.encrypt(text), crypter.encrypt(text)
    assert first != second
    assert crypter.decrypt(first) == crypter.decrypt(second) == text


def test_a_new_salt_unlocks_with_its_passphrase_alone(crypter: PassphraseCrypter, passphrase: str) -> None:
    again = PassphraseCrypter.unlock(crypter.salt_state, passphrase)
    assert again.decrypt(crypter.encrypt("x")) == "x"
    with pytest.raises(SecretsError, match=r"incorrect passphrase.*PULUMI_CONFIG_PASSPHRASE"):
        PassphraseCrypter.unlock(crypter.salt_state, passphrase + " ")


def test_a_damaged_secret_is_refused_in_one_line(crypter: PassphraseCrypter) -> None:
    version, nonce, data = crypter.encrypt("x").split(":")
    flipped = ("B" if data[0] == "A" else "A") + data[1:]
    for ciphertext in (f"{version}:{nonce}:{flipped}", "v1:x", "v2:AA==:AA==", "v1:%:AA==", "v1:AA==:AA=="):
        with pytest.raises(SecretsError) as caught:
            crypter.decrypt(ciphertext)
        assert "\n" not in str(caught.value)


def test_the_passphrase_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("  from a file\n")
    assert passphrase_from_environment({"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}) == "from a file"
    both = {"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    assert passphrase_from_environment(both) == ""


def test_a_missing_passphrase_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"):
        passphrase_from_environment({})
    with pytest.raises(SecretsError, match="nowhere: No such file"):
        passphrase_from_environment({"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "nowhere")})


def test_only_passphrases_are_supported() -> None:
    with pytest.raises(SecretsError, match="'service'"):
        crypter_of("service", {"url": "https://api.pulumi.com"})
    with pytest.raises(SecretsError, match="without a salt"):
        crypter_of("passphrase", None)
