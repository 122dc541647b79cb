"""Settings of hybrid searches, chosen by judged queries and measured on others."""
