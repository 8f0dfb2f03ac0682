"""KEKs in AWS KMS: Encrypt and Decrypt with an encryption context; each version is a KMS key of its own.

Counterparts: `kek.KekProvider`, `kek_kinds`. Needs the extra `aws` (boto3), and credentials where the SDK
looks for them. The context goes as one hash: KMS writes encryption contexts into its log, in the clear.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_calls import missing_extra, required
from sealgate.vault.kek_config import KekConfig

NAME = "aws-kms"
PENDING_DAYS = 7
"""What KMS waits at the least before it destroys a key; until then its administrators can keep it."""
_USAGE, _SPEC = "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"
_REGION_AT = 3  # arn:aws:kms:REGION:account:key/…
_NOT_OURS = ("InvalidCiphertextException", "IncorrectKeyException")


class AwsKind:
    """Makes, opens and destroys keys of one account and region."""

    def __init__(self, config: KekConfig) -> None:
        self._config = config

    def make(self, key: str) -> KekDescription:
        """A new key (needs kms:CreateKey), or the one with this id, ARN or alias."""
        region = required("aws_region", self._config.aws_region, "name the region, such as eu-central-1")
        client = self._client(region)
        with _errors():
            if not key:
                made = client.create_key(
                    Description="Sealgate: KEK of a vault", KeyUsage=_USAGE, KeySpec=_SPEC
                )
                key = made["KeyMetadata"]["Arn"]
            metadata = client.describe_key(KeyId=key)["KeyMetadata"]
        if (metadata.get("KeyUsage"), metadata.get("KeySpec")) != (_USAGE, _SPEC):
            raise StartError(
                "kek_unsafe", f"the KMS key {key} is not for this", "name a symmetric key for encryption"
            )
        return KekDescription(NAME, {"key": metadata["Arn"]})

    def open(self, description: KekDescription) -> AwsKek:
        """The provider of a key; nobody is asked yet."""
        return AwsKek(self._client(description.details["key"].split(":")[_REGION_AT]), description)

    def destroy(self, description: KekDescription) -> float:
        """Have KMS destroy the key; gives when it will have."""
        key = description.details["key"]
        client = self._client(key.split(":")[_REGION_AT])
        with _errors():
            metadata = client.describe_key(KeyId=key)["KeyMetadata"]
            if metadata["KeyState"] != "PendingDeletion":
                metadata = client.schedule_key_deletion(
                    KeyId=metadata["KeyId"], PendingWindowInDays=PENDING_DAYS
                )
            return float(metadata["DeletionDate"].timestamp())

    def _client(self, region: str) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise missing_extra("aws", NAME) from None
        patience = self._config.timeout_s
        config = Config(
            connect_timeout=patience,
            read_timeout=patience,
            retries={"total_max_attempts": 1},
            proxies={},  # variables of the environment are not followed, as nowhere in the vault
        )
        with _errors():
            session = boto3.session.Session()
            return session.client(
                "kms", region_name=region, endpoint_url=self._config.aws_endpoint or None, config=config
            )


class AwsKek:
    """A KMS key. `wrap` gives KMS's own ciphertext."""

    def __init__(self, client: Any, description: KekDescription) -> None:
        self._client = client
        self._key = description.details["key"]
        self._version = description.version

    @property
    def version(self) -> str:
        """`aws-kms-` and 16 hexadecimal characters of the key's ARN."""
        return self._version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key; raises `KekUnavailableError`."""
        with _errors():
            answer = self._client.encrypt(
                KeyId=self._key, Plaintext=bytes(data_key), EncryptionContext=_hashed(context)
            )
            return bytes(memoryview(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key; raises `KekError` or `KekUnavailableError`."""
        if not wrapped:
            raise KekError("the KEK does not unwrap this")
        with _errors():
            answer = self._client.decrypt(
                KeyId=self._key, CiphertextBlob=wrapped, EncryptionContext=_hashed(context)
            )
            return bytearray(memoryview(answer["Plaintext"]))

    def health(self) -> None:
        """Ask whether the key is enabled; raises `KekUnavailableError`."""
        with _errors():
            state = self._client.describe_key(KeyId=self._key)["KeyMetadata"]["KeyState"]
        if state != "Enabled":
            raise KekUnavailableError("key_disabled", f"KMS says that the key is {state}")

    def __repr__(self) -> str:
        return f"<AwsKek {self._version}>"


def _hashed(context: bytes) -> dict[str, str]:
    return {"sealgate": base64.b64encode(hashlib.sha256(context).digest()).decode()}


@contextmanager
def _errors() -> Iterator[None]:
    """Maps what boto3 raises, and what it stumbles over; only KMS's own word makes a `KekError`."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        HTTPClientError,
        ReadTimeoutError,
    )
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        if code in _NOT_OURS:
            raise KekError("the KEK does not unwrap this") from error
        raise KekUnavailableError("refused", f"KMS refuses: {code}") from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise KekUnavailableError("timeout", "KMS does not answer in time") from error
    except HTTPClientError as error:
        raise KekUnavailableError("unreachable", f"KMS does not answer ({type(error).__name__})") from error
    except BotoCoreError as error:
        raise KekUnavailableError("sdk", f"the AWS SDK says {type(error).__name__}") from error
    except (ResponseParserError, LookupError, TypeError, ValueError, AttributeError) as error:
        # Whatever the SDK stumbles over in an answer that is none of KMS's.
        name = type(error).__name__
        raise KekUnavailableError("malformed", f"KMS's answer makes no sense ({name})") from error
