def test_embedded(opensearch, index_name):
    can = opensearch.capabilities
    assert (can.distribution, can.version, can.embedded) == ("opensearch", (3, 6, 0), True)
    assert (can.knn, can.neural_search, can.engines) == (True, True, ("lucene",))
    opensearch.client.indices.create(index=index_name)
