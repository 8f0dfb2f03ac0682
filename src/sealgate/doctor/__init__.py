"""`sealgate doctor`: looks at an installation without changing it, and says what is wrong and what to do."""
