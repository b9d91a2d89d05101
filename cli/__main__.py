"""`python -m cli`: the `vaultra` command."""

from cli.main import main

if __name__ == "__main__":
    main()
