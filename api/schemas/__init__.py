"""What travels over HTTP where no library's model says it already."""
