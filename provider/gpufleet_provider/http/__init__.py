"""One account of a cloud over HTTP: client, retries, and which account a program means."""
