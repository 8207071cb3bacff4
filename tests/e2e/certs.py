# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for one test run, made when it is needed and kept in a folder of the test."""

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path, key):
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))


class Authority:
    """ca_file is what a client trusts; issue() gives a server its files."""

    def __init__(self, folder, name="tocsin test CA", parent=None, lifetime=DAY * 3650):
        """PARENT issues this one; it is then no root, and servers have to send it along (ca_file)."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = self.folder / "ca.pem"
        self._subject = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(digital_signature=True, content_commitment=False, key_encipherment=False,
                              data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                              encipher_only=False, decipher_only=False)
        issuer = parent or self
        certificate = (issuer._builder(self._subject, self._key.public_key(), lifetime)
                       .add_extension(x509.BasicConstraints(ca=True, path_length=0 if parent else 1), critical=True)
                       .add_extension(usage, critical=True)
                       .sign(issuer._key, hashes.SHA256()))
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, public_key, lifetime):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder()
                .subject_name(subject).issuer_name(self._subject).public_key(public_key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - DAY * 2).not_valid_after(now + lifetime)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                               critical=False))

    def issue(self, label, names=("localhost", "127.0.0.1"), expired=False, client=False,
              lifetime=DAY * 365):
        """Returns (certificate file, key file) for a server, or client, with these names."""
        certificate_file = self.folder / f"{label}.pem"
        key_file = self.folder / f"{label}.key"
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = (self._builder(_name(names[0]), key.public_key(), -DAY if expired else lifetime)
                       .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), critical=False)
                       .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                       .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
                       .sign(self._key, hashes.SHA256()))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(key_file, key)
        return certificate_file, key_file
